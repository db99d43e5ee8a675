//! A YAML document as a tree that keeps what was written: scalars as text, keys with their lines.
//!
//! Nothing is given a type here. `0123`, `yes` and `1e5` stay as they are; only a plain empty scalar, `~` and `null` are
//! null. So a vault's name or a secret that happens to look like a number reaches us unharmed.

use std::collections::BTreeMap;

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, Span};
use strongroom_secrets::SecretValue;

/// How many nodes a document may have once its aliases are filled in.
const MAX_NODES: usize = 200_000;

/// One value of the document, and where it begins (line and column from 1).
#[derive(Clone, Debug)]
pub(crate) struct Node {
    pub(crate) line: usize,
    pub(crate) column: usize,
    pub(crate) content: Content,
}

#[derive(Clone, Debug)]
pub(crate) enum Content {
    Null,
    /// Any other scalar, as written. It may be a password, so it is treated as one until somebody knows better.
    Text(SecretValue),
    List(Vec<Node>),
    Map(Vec<(Key, Node)>),
}

/// A key of a mapping.
#[derive(Clone, Debug)]
pub(crate) struct Key {
    pub(crate) name: String,
    pub(crate) line: usize,
    pub(crate) column: usize,
}

/// Why a text is no document that we read: the parser's words are ours, as its own may quote the text.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct SyntaxError {
    pub(crate) line: usize,
    pub(crate) column: usize,
    pub(crate) what: &'static str,
}

impl Node {
    /// A null where the document has nothing.
    pub(crate) const NOTHING: Self = Self { line: 1, column: 1, content: Content::Null };

    /// How an error names this kind of value.
    pub(crate) fn kind(&self) -> &'static str {
        match self.content {
            Content::Null => "nothing",
            Content::Text(_) => "a text",
            Content::List(_) => "a list",
            Content::Map(_) => "a mapping",
        }
    }
}

/// Reads the one document of a text. An empty text is a null.
pub(crate) fn parse(text: &str) -> Result<Node, SyntaxError> {
    let mut builder = Builder { parser: Parser::new_from_str(text), anchors: BTreeMap::new(), nodes: 0 };
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
}

impl<'t> Builder<'t> {
    fn next(&mut self) -> Result<Option<(Event<'t>, Span)>, SyntaxError> {
        self.parser.next_event().transpose().map_err(|error| explain(&error))
    }

    fn inside(&mut self) -> Result<(Event<'t>, Span), SyntaxError> {
        // The parser reports an unfinished collection itself, so the end cannot come here.
        self.next()?.ok_or(SyntaxError { line: 1, column: 1, what: "the text ends too early" })
    }

    /// Builds the node that `event` begins. The depth is bounded by the parser's own nesting limits.
    fn node(&mut self, event: Event<'t>, span: Span) -> Result<Node, SyntaxError> {
        self.count(1, span)?;
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

    fn count(&mut self, nodes: usize, span: Span) -> Result<(), SyntaxError> {
        self.nodes += nodes;
        if self.nodes > MAX_NODES { Err(error_at(span, "the document is too large")) } else { Ok(()) }
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
