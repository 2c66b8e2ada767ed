use super::*;
use proptest::prelude::*;
use weir_config::FailureClass;

fn withheld(secret: &str) -> Withheld {
    Withheld::new(Some(&Secret::new(secret)))
}

fn told(secret: &str, text: &str) -> String {
    withheld(secret).without(text).unwrap_or_else(|| text.to_owned())
}

#[test]
fn s10_13_a_credential_goes_in_every_form() {
    // The forms were made with other tools: `jq -Rr @uri`, `base64`, `printf user:… | base64`.
    let secret = "together/abc+123DEF=456";
    for text in [
        "together/abc+123DEF=456",
        r"together\/abc+123DEF=456",
        "together%2Fabc%2B123DEF%3D456",
        "together%2fabc%2b123DEF%3d456",
        "dG9nZXRoZXIvYWJjKzEyM0RFRj00NTY=",
        "YWJjOnRvZ2V0aGVyL2FiYysxMjNERUY9NDU2",
        "YWJjOnRvZ2V0aGVyL2FiYysxMjNERUY9NDU2".replace('/', "_").replace('+', "-").as_str(),
        "dXNlcjp0b2dldGhlci9hYmMrMTIzREVGPTQ1Ng==",
    ] {
        let clean = told(secret, &format!("Wrong key '{text}' given."));
        let (before, after) = clean.split_once("[key]").unwrap_or_else(|| panic!("{text} -> {clean}"));
        // Of base64 the user's name stays, and the characters that mix it or the padding with the key.
        assert!(before.len() <= "Wrong key 'dXNlcjp".len(), "{text} -> {clean}");
        assert!(after.len() <= "Ng==' given.".len(), "{text} -> {clean}");
    }
}

#[test]
fn s10_13_a_part_of_it_goes_and_ordinary_words_stay() {
    let secret = "team-production-Xy12Zw34-key";
    for (text, clean) in [
        ("key team-production-Xy12Zw34-key is unknown", "key [key] is unknown"),
        ("key Xy12Zw34… is unknown", "key [key]… is unknown"),
        ("key [id]-Xy12Zw34-[id] is unknown", "key [id][key][id] is unknown"),
        ("the production team has no key", "the production team has no key"),
        ("the model Xy12Zw3 is unknown", "the model Xy12Zw3 is unknown"),
    ] {
        assert_eq!(told(secret, text), clean);
    }
    assert_eq!(told("correct-horse-battery", "no correct-horse-battery, no horse"), "no [key], no horse");
    assert_eq!(told("ollama", "no key ollama here"), "no key [key] here");
    assert_eq!(told("x", "x is no secret"), "x is no secret");
    assert_eq!(Withheld::new(None).without("anything"), None);
}

#[test]
fn s10_13_no_identifier_tells_it() {
    let mut failure = Failure {
        kind: Some("together_abc123DEF456".to_owned()),
        code: Some("invalid_value".to_owned()),
        param: Some("x.together_abc123DEF456".to_owned()),
        ..Failure::new(FailureClass::CallerFault, "no together_abc123DEF456")
    };
    withheld("together_abc123DEF456").take_out_of(&mut failure);
    assert_eq!((failure.kind, failure.param, &*failure.message), (None, None, "no [key]"));
    assert_eq!(failure.code.as_deref(), Some("invalid_value"));
}

#[test]
fn s10_13_it_cannot_be_printed() {
    assert_eq!(format!("{:?}", Withheld::default()), "Withheld(0 forms)");
    assert!(!format!("{:?}", withheld("together_abc123DEF456")).contains("abc"));
}

proptest! {
    #[test]
    fn s10_13_after_every_pattern_nothing_telling_is_left(
        secret in "[!-~]{8,60}",
        (before, after) in ("[a-zA-Z ,.:\"'(]{0,20}", "[a-zA-Z ,.:\"')]{0,20}"),
        from in any::<prop::sample::Index>(),
    ) {
        let quoted = [secret.clone(), secret[from.index(secret.len())..].to_owned()];
        for quoted in quoted {
            let clean = told(&secret, &crate::sanitise::sanitise(&format!("{before}{quoted}{after}")));
            let left = secret.as_bytes().windows(TELLING).find(|piece| {
                tells(piece) && memmem::find(clean.as_bytes(), piece).is_some()
            });
            prop_assert!(left.is_none(), "{quoted:?} -> {clean:?}");
            prop_assert!(!clean.contains(&secret), "{clean:?}");
        }
    }
}
