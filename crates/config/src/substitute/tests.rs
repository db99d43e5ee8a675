use proptest::prelude::*;

use super::{SubstituteErrorKind, expand, holds_secret};
use crate::environment::Environment;

fn expanded(text: &str, variables: &[(&str, &str)]) -> String {
    let environment: Environment = variables.iter().copied().collect();
    expand(text, &environment).unwrap().text.expose().to_owned()
}

#[test]
fn an_unset_variable_stays_as_text() {
    assert_eq!(expanded("${V}", &[]), "${V}");
    assert_eq!(expanded("a ${V} b ${W} c", &[("W", "x")]), "a ${V} b x c");
}

#[test]
fn the_default_holds_where_the_variable_is_not_set() {
    assert_eq!(expanded("${V:-d}", &[]), "d");
    assert_eq!(expanded("${V:-d}", &[("V", "x")]), "x");
    assert_eq!(expanded("${:-d}", &[]), "d");
}

#[test]
fn a_variable_that_is_set_and_empty_gives_nothing_rather_than_the_default() {
    assert_eq!(expanded("k: ${V:-d}", &[("V", "")]), "k: ");
}

#[test]
fn a_default_may_be_empty_or_two_quotes() {
    assert_eq!(expanded("[${V:-}]", &[]), "[]");
    assert_eq!(expanded("[${V:-\"\"}]", &[]), "[\"\"]");
}

#[test]
fn a_default_runs_from_the_first_colon_dash_to_the_first_brace() {
    for default in ["[\"a\",\"b\"]", "a=1&b=2", "a:-b", "  spaces kept ", "[]", "5 minutes"] {
        assert_eq!(expanded(&format!("${{V:-{default}}}"), &[]), default);
    }
    assert_eq!(expanded("${V:-{a}}", &[]), "{a}");
}

#[test]
fn a_name_is_not_trimmed() {
    assert_eq!(expanded("${ V }", &[("V", "x")]), "${ V }");
    assert_eq!(expanded("${ V :-d}", &[("V", "x")]), "d");
}

#[test]
fn nothing_is_nested() {
    let variables = [("W", "w"), ("N", "W")];
    assert_eq!(expanded("${V:-${W}}", &variables), "${W}");
    assert_eq!(expanded("${V:-${W:-d}}", &variables), "${W:-d}");
    assert_eq!(expanded("${${N}}", &variables), "${${N}}");
}

#[test]
fn a_doubled_dollar_keeps_the_braces_as_text() {
    let variables = [("V", "x")];
    assert_eq!(expanded("$${V}", &variables), "${V}");
    assert_eq!(expanded("$$${V}", &variables), "$${V}");
    assert_eq!(expanded("$${V} ${V}", &variables), "${V} x");
}

#[test]
fn other_dollars_are_plain() {
    let variables = [("V", "x"), ("env:V", "never")];
    for text in ["$V", "$", "a$", "pa$$w", "${V", "100$ }", "${V:=d}", "${sys:x}", "${}"] {
        assert_eq!(expanded(text, &variables), text);
    }
}

#[test]
fn comments_are_expanded_too() {
    assert_eq!(expanded("# ${V}\nk: v", &[("V", "x\ny: z")]), "# x\ny: z\nk: v");
}

#[test]
fn a_value_is_expanded_in_its_turn() {
    let variables = [("A", "1${B}2"), ("B", "${C}${D:-d}"), ("C", "c"), ("E", "$${C}"), ("F", "pa$$w")];
    assert_eq!(expanded("${A}", &variables), "1cd2");
    assert_eq!(expanded("${E}", &variables), "${C}");
    assert_eq!(expanded("${F}", &variables), "pa$$w");
}

#[test]
fn the_text_of_a_secret_is_never_expanded() {
    let variables = [("OM_SM_CLIENT_SECRET", "a${HOME}$${b"), ("MINE", "${HOME}"), ("HOME", "/root")];
    assert_eq!(expanded("x: ${OM_SM_CLIENT_SECRET}", &variables), "x: a${HOME}$${b");
    for key in [
        "clientSecret: ",
        "  - \"password\" : '",
        "fernetKey: ",
        "{a: b, token: ",
        "adminPrincipals: [admin:",
    ] {
        assert_eq!(expanded(&format!("{key}${{MINE}}"), &variables), format!("{key}${{HOME}}"));
    }
    assert_eq!(expanded("vaultName: ${MINE}", &variables), "vaultName: /root");
}

#[test]
fn a_secret_is_told_by_the_last_word_of_a_name() {
    for name in [
        "OM_SM_CLIENT_SECRET",
        "DB_USER_PASSWORD",
        "FERNET_KEY",
        "X_PWD",
        "token",
        "clientSecret",
        "fernetKey",
    ] {
        assert!(holds_secret(name), "{name}");
    }
    for name in [
        "SECRET_MANAGER",
        "SECRET_MANAGER_PREFIX",
        "RSA_PRIVATE_KEY_FILE_PATH",
        "OM_SM_VAULT_NAME",
        "keyId",
        "PATH",
        "",
    ] {
        assert!(!holds_secret(name), "{name}");
    }
}

#[test]
fn what_yaml_or_openmetadata_would_make_of_a_secret_is_warned_of_without_its_text() {
    let environment =
        Environment::from([("A_TOKEN", "s3cr3t ${x"), ("B_TOKEN", "s3cr3t #y"), ("C_TOKEN", "\"quoted #\"")]);
    let warnings = expand("${A_TOKEN} ${B_TOKEN} ${C_TOKEN}", &environment).unwrap().warnings;
    assert_eq!(warnings.len(), 2);
    assert!(warnings[0].contains("A_TOKEN") && warnings[1].contains("B_TOKEN"));
    assert!(warnings.iter().all(|warning| !warning.contains("s3cr3t")));
}

#[test]
fn a_secret_that_comes_from_a_file_is_set_and_empty() {
    let variables = [("FERNET_KEY_FILE", "/run/key")];
    assert_eq!(expanded("fernetKey: ${FERNET_KEY:-public}", &variables), "fernetKey: ");
    assert_eq!(expanded("fernetKey: ${FERNET_KEY:-public}", &[("FERNET_KEY_FILE", "")]), "fernetKey: public");
    assert_eq!(expanded("p: ${DB_USER_PASSWORD:-d}", &[("DB_USER_PASSWORD_FILE", "/run/p")]), "p: d");
}

#[test]
fn a_loop_is_an_error_that_names_its_variables_and_line() {
    let environment = Environment::from([("V", "${V}"), ("A", "x${B}"), ("B", "y${A}")]);
    let error = expand("one: ${V}", &environment).unwrap_err();
    assert_eq!(error.kind, SubstituteErrorKind::Loop(vec!["V".into(), "V".into()]));
    let error = expand("\n\ntwo: ${A}", &environment).unwrap_err();
    assert_eq!(error.line, 3);
    assert_eq!(error.kind, SubstituteErrorKind::Loop(vec!["A".into(), "B".into(), "A".into()]));
}

#[test]
fn the_same_variable_twice_is_no_loop() {
    assert_eq!(expanded("${A}${A}", &[("A", "${B}${B}"), ("B", "b")]), "bbbb");
}

#[test]
fn chains_that_double_end_early_whether_they_make_text_or_not() {
    for last in ["", "some text"] {
        let mut variables: Vec<(String, String)> =
            (0..40).map(|n| (format!("V{n}"), format!("${{V{0}}}${{V{0}}}", n + 1))).collect();
        variables.push(("V40".into(), last.into()));
        let environment: Environment = variables.into_iter().collect();
        let error = expand("${V0}", &environment).unwrap_err();
        assert_eq!(error.kind, SubstituteErrorKind::TooLong);
    }
}

#[test]
fn a_chain_that_is_too_long_is_an_error() {
    let environment: Environment = (0..100).map(|n| (format!("V{n}"), format!("${{V{}}}", n + 1))).collect();
    assert_eq!(expand("${V0}", &environment).unwrap_err().kind, SubstituteErrorKind::TooDeep);
}

#[test]
fn lines_lead_back_to_the_written_text() {
    let environment = Environment::from([("V", "1\n2\n3")]);
    let expanded = expand("a\n${V}\nb ${X:-p\nq}\nlast", &environment).unwrap();
    assert_eq!(expanded.text.expose(), "a\n1\n2\n3\nb p\nq\nlast");
    let written: Vec<_> = (1..=7).map(|line| expanded.written(line, 1)).collect();
    assert_eq!(written, [(1, Some(1)), (2, None), (2, None), (2, None), (3, None), (4, None), (5, Some(1))]);
}

#[test]
fn unset_variables_are_told_from_escaped_ones() {
    let expanded = expand("a: ${V}\nb: $${V}\nc: ${W:-${V}}", &Environment::default()).unwrap();
    assert_eq!(expanded.unset_in(1, "${V}"), Some("V"));
    assert_eq!(expanded.unset_in(2, "${V}"), None);
    assert_eq!(expanded.unset_in(3, "${V}"), Some("V"));
    assert_eq!(expanded.warnings.len(), 1);
}

proptest! {
    #[test]
    fn a_text_without_dollars_is_unchanged(text in "[^$]{0,200}") {
        prop_assert_eq!(expanded(&text, &[("a", "b")]), text);
    }

    #[test]
    fn nothing_panics_and_no_line_gets_lost(text in "([${}:\\-AB\n\" ]|[^$]){0,60}", a in "[${}:\\-AB\n#]{0,12}", b in "[${}AB\n]{0,12}") {
        let environment = Environment::from([("A", a), ("B", b)]);
        if let Ok(expanded) = expand(&text, &environment) {
            let lines = expanded.text.expose().matches('\n').count() + 1;
            let written: Vec<usize> = (1..=lines).map(|line| expanded.written(line, 1).0).collect();
            prop_assert!(written.windows(2).all(|pair| pair[0] <= pair[1]));
            prop_assert!(written.iter().all(|line| (1..=text.matches('\n').count() + 1).contains(line)));
        }
    }

    #[test]
    fn escaping_every_dollar_brace_gives_the_text_back(text in "[a-z${}: \n]{0,60}") {
        // A dollar before an escape would be taken for one, so only texts without `$$` can be written like this.
        prop_assume!(!text.contains("$$"));
        prop_assert_eq!(expanded(&text.replace("${", "$${"), &[("a", "b")]), text);
    }

    #[test]
    fn a_variable_without_dollars_stands_where_its_name_stood(before in "[^$]{0,20}", value in "[^$]{0,40}", after in "[^$]{0,20}") {
        prop_assert_eq!(expanded(&format!("{before}${{V}}{after}"), &[("V", &value)]), format!("{before}{value}{after}"));
    }

    #[test]
    fn a_secret_stands_as_it_is(value in "[${}:\\-A-C]{0,30}") {
        prop_assert_eq!(expanded("password: ${S}", &[("S", &value), ("A", "a"), ("B", "b")]), format!("password: {value}"));
    }
}
