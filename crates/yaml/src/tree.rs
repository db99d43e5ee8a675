//! A YAML document as a tree that keeps what was written: scalars as text, keys with their lines.
//!
//! Nothing is given a type here. `0123`, `yes` and `1e5` stay as they are; only a plain empty scalar, `~` and `null` are
//! null. So a vault's name or a secret that happens to look like a number reaches us unharmed.

use std::collections::BTreeMap;

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, Span};
use strongroom_secrets::SecretValue;

/// How many nodes a document may have once its aliases are filled in.
const MAX_NODES: usize = 200_000;

/// How many lists and mappings may stand within one another, once the aliases are filled in: whoever looks at a tree goes down
/// into it, and each step takes of the stack.
pub const MAX_DEPTH: usize = 100;

/// One value of the document, and where it begins (line and column from 1).
#[derive(Clone, Debug)]
pub struct Node {
    /// Its line, from 1.
    pub line: usize,
    /// Its column, from 1.
    pub column: usize,
    /// What stands there.
    pub content: Content,
}

/// What a node can be.
#[derive(Clone, Debug)]
pub enum Content {
    /// Nothing.
    Null,
    /// Any other scalar, as written. It may be a password, so it is treated as one until somebody knows better.
    Text(SecretValue),
    /// A list.
    List(Vec<Node>),
    /// A mapping, in the order in which it is written. A key can stand there twice.
    Map(Vec<(Key, Node)>),
}

/// A key of a mapping.
#[derive(Clone, Debug)]
pub struct Key {
    /// As it is written.
    pub name: String,
    /// Its line, from 1.
    pub line: usize,
    /// Its column, from 1.
    pub column: usize,
}

/// Why a text is no document that we read: the parser's words are ours, as its own may quote the text.
#[derive(Debug, PartialEq, Eq)]
pub struct SyntaxError {
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1.
    pub column: usize,
    /// What is wrong there.
    pub what: &'static str,
}

impl Node {
    /// A null where the document has nothing.
    pub const NOTHING: Self = Self { line: 1, column: 1, content: Content::Null };

    /// How an error names this kind of value.
    pub fn kind(&self) -> &'static str {
        match self.content {
            Content::Null => "nothing",
            Content::Text(_) => "a text",
            Content::List(_) => "a list",
            Content::Map(_) => "a mapping",
        }
    }
}

/// Reads the one document of a text. An empty text is a null.
///
/// # Errors
/// Where it is no YAML, has a second document, or would be too large or too deep with its aliases filled in.
pub fn parse(text: &str) -> Result<Node, SyntaxError> {
    let mut builder =
        Builder { parser: Parser::new_from_str(text), anchors: BTreeMap::new(), nodes: 0, depth: 0 };
    let mut root = None;
    while let Some((event, span)) = builder.next()? {
        match event {
            Event::StreamStart | Event::DocumentStart(..) | Event::DocumentEnd | Event::StreamEnd => {}
            event => {
                let node = builder.node(event, span)?;
                match (&root, &node.content) {
                    (Some(_), Content::Null) => {}
                    (Some(_), _) => return Err(error_at(span, "a second YAML document begins here")),
                    (None, _) => root = Some(node),
                }
            }
        }
    }
    Ok(root.unwrap_or(Node::NOTHING))
}

struct Builder<'t> {
    parser: Parser<'t, granit_parser::StrInput<'t>>,
    anchors: BTreeMap<usize, Node>,
    nodes: usize,
    /// How many lists and mappings are begun and not ended.
    depth: usize,
}

impl<'t> Builder<'t> {
    fn next(&mut self) -> Result<Option<(Event<'t>, Span)>, SyntaxError> {
        self.parser.next_event().transpose().map_err(|error| explain(&error))
    }

    fn inside(&mut self) -> Result<(Event<'t>, Span), SyntaxError> {
        // The parser reports an unfinished collection itself, so the end cannot come here.
        self.next()?.ok_or(SyntaxError { line: 1, column: 1, what: "the text ends too early" })
    }

    /// Builds the node that `event` begins.
    fn node(&mut self, event: Event<'t>, span: Span) -> Result<Node, SyntaxError> {
        self.count(1, span)?;
        if !matches!(event, Event::SequenceStart(..) | Event::MappingStart(..)) {
            return self.leaf_or_collection(event, span);
        }
        self.depth += 1;
        self.bound(0, span)?;
        let node = self.leaf_or_collection(event, span)?;
        self.depth -= 1;
        Ok(node)
    }

    fn leaf_or_collection(&mut self, event: Event<'t>, span: Span) -> Result<Node, SyntaxError> {
        let (content, anchor) = match event {
            Event::Scalar(text, style, anchor, _) => (scalar(&text, style), anchor),
            Event::SequenceStart(_, anchor, _) => {
                let mut items = Vec::new();
                loop {
                    match self.inside()? {
                        (Event::SequenceEnd, _) => break (Content::List(items), anchor),
                        (event, span) => items.push(self.node(event, span)?),
                    }
                }
            }
            Event::MappingStart(_, anchor, _) => {
                let mut entries = Vec::new();
                loop {
                    let (event, span) = match self.inside()? {
                        (Event::MappingEnd, _) => break (Content::Map(entries), anchor),
                        other => other,
                    };
                    let key = self.key(event, span)?;
                    let (event, span) = self.inside()?;
                    entries.push((key, self.node(event, span)?));
                }
            }
            Event::Alias(anchor) => {
                let Some(node) = self.anchors.get(&anchor).cloned() else {
                    return Err(error_at(span, "an alias stands inside its own anchor"));
                };
                self.count(size(&node), span)?;
                self.bound(depth(&node), span)?;
                return Ok(node);
            }
            _ => return Err(error_at(span, "this is not expected here")),
        };
        let node = Node { line: span.start.line(), column: span.start.col() + 1, content };
        if anchor != 0 {
            self.anchors.insert(anchor, node.clone());
        }
        Ok(node)
    }

    fn key(&mut self, event: Event<'t>, span: Span) -> Result<Key, SyntaxError> {
        match event {
            Event::Scalar(text, ..) => {
                Ok(Key { name: text.into_owned(), line: span.start.line(), column: span.start.col() + 1 })
            }
            _ => Err(error_at(span, "a key must be a plain text")),
        }
    }

    /// Refuses what would stand so much deeper still.
    fn bound(&self, more: usize, span: Span) -> Result<(), SyntaxError> {
        if self.depth + more > MAX_DEPTH { Err(error_at(span, "it is nested too deeply")) } else { Ok(()) }
    }

    fn count(&mut self, nodes: usize, span: Span) -> Result<(), SyntaxError> {
        self.nodes += nodes;
        if self.nodes > MAX_NODES { Err(error_at(span, "the document is too large")) } else { Ok(()) }
    }
}

fn depth(node: &Node) -> usize {
    match &node.content {
        Content::Null | Content::Text(_) => 0,
        Content::List(items) => 1 + items.iter().map(depth).max().unwrap_or_default(),
        Content::Map(entries) => 1 + entries.iter().map(|(_, node)| depth(node)).max().unwrap_or_default(),
    }
}

fn scalar(text: &str, style: ScalarStyle) -> Content {
    match (style, text) {
        (ScalarStyle::Plain, "" | "~" | "null" | "Null" | "NULL") => Content::Null,
        _ => Content::Text(SecretValue::new(text)),
    }
}

fn size(node: &Node) -> usize {
    1 + match &node.content {
        Content::Null | Content::Text(_) => 0,
        Content::List(items) => items.iter().map(size).sum(),
        Content::Map(entries) => entries.iter().map(|(_, node)| size(node)).sum(),
    }
}

fn error_at(span: Span, what: &'static str) -> SyntaxError {
    SyntaxError { line: span.start.line(), column: span.start.col() + 1, what }
}

fn explain(error: &ScanError) -> SyntaxError {
    let what = match error.kind() {
        ErrorKind::UnclosedQuotedScalar => "a quotation mark is not closed",
        ErrorKind::InvalidTrailingDoubleQuotedScalar | ErrorKind::InvalidTrailingSingleQuotedScalar => {
            "something follows a closing quotation mark"
        }
        ErrorKind::UnknownQuotedScalarEscape => "a \\ in double quotes begins no known escape",
        ErrorKind::MappingValueNotAllowed
        | ErrorKind::InvalidColonPlacement
        | ErrorKind::InvalidMappingValueWhitespace => "a colon stands where no key can be",
        ErrorKind::TabNotAllowed
        | ErrorKind::TabInBlockIndentation
        | ErrorKind::TabInIndentation
        | ErrorKind::TabInPlainScalar => "a tab stands where only spaces may",
        ErrorKind::UnclosedFlowCollection { .. }
        | ErrorKind::UnexpectedEofFlowSequence
        | ErrorKind::UnexpectedEofFlowMapping
        | ErrorKind::ExpectedFlowMappingSeparator
        | ErrorKind::ExpectedFlowSequenceSeparator
        | ErrorKind::MismatchedFlowCollectionEnd { .. }
        | ErrorKind::MisplacedFlowCollectionEnd => "brackets do not match",
        ErrorKind::InvalidIndentation
        | ErrorKind::ExpectedBlockMappingKey
        | ErrorKind::ExpectedBlockSequenceEntry
        | ErrorKind::SimpleKeyExpected
        | ErrorKind::InvalidSimpleKey => {
            "a key without a colon, or a line that is not indented like its neighbours"
        }
        ErrorKind::UnknownAnchor => "an alias (*) has no anchor (&)",
        ErrorKind::UnexpectedCharacter { .. } => "a value begins with a character that YAML keeps for itself",
        ErrorKind::RecursionLimitExceeded => "it is nested too deeply",
        _ => "it is not valid YAML",
    };
    SyntaxError { line: error.marker().line(), column: error.marker().col() + 1, what }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(node: &Node) -> &str {
        match &node.content {
            Content::Text(text) => text.expose(),
            _ => panic!("not a text, but {}", node.kind()),
        }
    }

    fn entries(node: &Node) -> &[(Key, Node)] {
        match &node.content {
            Content::Map(entries) => entries,
            _ => panic!("not a mapping, but {}", node.kind()),
        }
    }

    #[test]
    fn scalars_stay_as_they_are_written() {
        for written in ["0123", "yes", "1e5", "0x1F", "true", "1_000", "12:30:45", ".inf", "2026-01-01", "-7"]
        {
            let node = parse(&format!("k: {written}")).unwrap();
            assert_eq!(text(&entries(&node)[0].1), written);
        }
    }

    #[test]
    fn only_plain_nothings_are_null() {
        for nothing in ["", "~", "null", "Null", "NULL"] {
            let node = parse(&format!("k: {nothing}")).unwrap();
            assert!(matches!(entries(&node)[0].1.content, Content::Null), "{nothing}");
        }
        for word in ["''", "\"~\"", "'null'", "none", "nULL"] {
            let node = parse(&format!("k: {word}")).unwrap();
            assert!(matches!(entries(&node)[0].1.content, Content::Text(_)), "{word}");
        }
    }

    #[test]
    fn nodes_know_their_lines_and_columns() {
        let node = parse("---\na: 1\nb:\n  c : two\n").unwrap();
        let (key, value) = &entries(&node)[1];
        assert_eq!((key.name.as_str(), key.line, key.column), ("b", 3, 1));
        let (key, value) = &entries(value)[0];
        assert_eq!((key.name.as_str(), key.line, key.column, value.line, value.column), ("c", 4, 3, 4, 7));
    }

    #[test]
    fn aliases_repeat_what_they_name() {
        let node = parse("a: &x [1, 2]\nb: *x").unwrap();
        let Content::List(items) = &entries(&node)[1].1.content else { panic!() };
        assert_eq!(items.iter().map(text).collect::<Vec<_>>(), ["1", "2"]);
    }

    #[test]
    fn aliases_that_multiply_are_stopped() {
        let mut bomb = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
        for level in 1..10 {
            let items = vec![format!("*a{}", level - 1); 10].join(", ");
            bomb.push_str(&format!("a{level}: &a{level} [{items}]\n"));
        }
        assert_eq!(parse(&bomb).unwrap_err().what, "the document is too large");
        assert_eq!(parse("a: &a [*a]").unwrap_err().what, "an alias stands inside its own anchor");
    }

    #[test]
    fn deep_nesting_is_stopped() {
        assert_eq!(parse(&"[".repeat(100_000)).unwrap_err().what, "it is nested too deeply");
        let deep: String = (0..1000).map(|depth| format!("{}k:\n", " ".repeat(depth))).collect();
        assert_eq!(parse(&deep).unwrap_err().what, "it is nested too deeply");
        assert!(parse(&format!("{}{}", "[".repeat(MAX_DEPTH), "]".repeat(MAX_DEPTH))).is_ok());
        // A few aliases of little depth each would make a tower.
        let by_aliases = |levels: usize| {
            let step = |index: usize| format!("- &a{} [*a{index}]\n", index + 1);
            let steps: String = (0..levels).map(step).collect();
            parse(&format!("- &a0 x\n{steps}"))
        };
        assert!(by_aliases(MAX_DEPTH - 1).is_ok());
        let refused = by_aliases(MAX_DEPTH).unwrap_err();
        assert_eq!((refused.what, refused.line), ("it is nested too deeply", MAX_DEPTH + 1));
    }

    #[test]
    fn one_document_is_read_and_a_second_refused() {
        for one in ["---\na: b\n...\n", "a: b\n---\n", "\u{feff}a: b", "# only\n---\na: b"] {
            assert_eq!(text(&entries(&parse(one).unwrap())[0].1), "b", "{one}");
        }
        for empty in ["", "# nothing\n", "---\n"] {
            assert!(matches!(parse(empty).unwrap().content, Content::Null), "{empty}");
        }
        assert_eq!(parse("a: b\n---\nc: d").unwrap_err().line, 3);
    }

    #[test]
    fn faults_are_told_in_our_own_words_with_their_place() {
        for (broken, line, what) in [
            ("a: b\nc: \"d", 2, "a quotation mark is not closed"),
            ("a: b: c", 1, "a colon stands where no key can be"),
            ("a: [b, c", 1, "brackets do not match"),
            ("a:\n\tc: d", 2, "a tab stands where only spaces may"),
            ("a: @b", 1, "a value begins with a character that YAML keeps for itself"),
            ("a: *b", 1, "an alias (*) has no anchor (&)"),
            ("a: 'b' c", 1, "something follows a closing quotation mark"),
            ("a: \"\\y\"", 1, "a \\ in double quotes begins no known escape"),
            ("a: b\nc\n", 2, "a key without a colon, or a line that is not indented like its neighbours"),
            ("? [a]\n: b", 1, "a key must be a plain text"),
        ] {
            let error = parse(broken).unwrap_err();
            assert_eq!((error.line, error.what), (line, what), "{broken:?}: column {}", error.column);
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "([a-c:\\-#'\"&*!|>%@{}\\[\\],?\n \t]|.){0,80}") {
            let _ = parse(&text);
        }
    }
}
