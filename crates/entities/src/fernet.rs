//! Fernet, the encryption of values in the database (<https://github.com/fernet/spec/blob/master/Spec.md>).
//!
//! A stored value is `fernet:` and a token. The key setting takes several keys with commas between them: the first
//! encrypts, all decrypt. The age of a token is not looked at: a row can be years old, or come from a clock ahead of ours.

use std::fmt;

use base64::Engine;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use fernet::Fernet;
use strongroom_secrets::{Random, SecretValue};
use zeroize::Zeroizing;

/// What an encrypted value begins with.
pub const PREFIX: &str = "fernet:";

/// The key of every OpenMetadata installation that set none: anybody can read what it encrypts.
const PUBLIC_DEFAULT_KEY: &str = "jJ/9sz0g0OHxsfxOoSfdFdmk3ysNmPRnH3TUAbz3IHA=";

/// Reads base64url with or without padding, and with leftover bits, as the reference's server does.
const LENIENT: GeneralPurpose = GeneralPurpose::new(
    &alphabet::URL_SAFE,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// The first byte of every token: the version of the format.
const VERSION: u8 = 0x80;

/// The shortest token in bytes: version, time, initialisation vector, one block, signature.
const SHORTEST: usize = 1 + 8 + 16 + 16 + 32;

/// A setting that is not a list of Fernet keys. It says which key, never what it holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FernetKeyError {
    /// There is nothing between two commas, or nothing at all.
    #[error("Fernet key number {0} is empty (give one key, or several with a comma between each two)")]
    Empty(usize),
    /// It is not base64.
    #[error("Fernet key number {0} is not base64 (a key is 32 bytes in base64 or base64url, 44 characters)")]
    NotBase64(usize),
    /// It has another length.
    #[error(
        "Fernet key number {number} has {bytes} bytes, not 32 (a key is 32 bytes in base64, 44 characters)"
    )]
    Length {
        /// Which key, counted from 1.
        number: usize,
        /// Its length in bytes.
        bytes: usize,
    },
}

/// A value that could not be decrypted. It says nothing of the value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum FernetError {
    /// It is no token at all.
    #[error("the value is not a Fernet token")]
    NotAToken,
    /// None of the keys opens it.
    #[error(
        "none of the configured Fernet keys opens the value (was it encrypted with another key, or damaged?)"
    )]
    NoKeyOpens,
    /// It was opened, but what it holds is no text.
    #[error("the value was decrypted, but what it holds is not UTF-8 text")]
    NotText,
}

/// The keys of an installation: the first encrypts, all decrypt. Its `Debug` shows none of them.
#[derive(Clone)]
pub struct FernetKeys {
    first: Fernet,
    others: Vec<Fernet>,
    is_default: bool,
    /// Which of them is known to everybody, counted from 0.
    public: Option<usize>,
}

impl FernetKeys {
    /// Reads the key setting: one key, or several with commas, each in base64 or base64url, padded or not.
    ///
    /// # Errors
    /// [`FernetKeyError`] says which key is wrong, and how.
    pub fn parse(setting: &SecretValue) -> Result<Self, FernetKeyError> {
        let mut keys = setting.expose().split(',').zip(1..).map(|(key, number)| parse_key(key, number));
        let first = keys.next().unwrap_or(Err(FernetKeyError::Empty(1)))?;
        let default = parse_key(PUBLIC_DEFAULT_KEY, 1)?;
        let others = keys.collect::<Result<Vec<_>, _>>()?;
        let is_default = *first == *default;
        let among_others = || others.iter().position(|key| **key == *default).map(|index| index + 1);
        Ok(Self {
            is_default,
            public: if is_default { Some(0) } else { among_others() },
            first: cipher(&first)?,
            others: others.iter().map(|key| cipher(key)).collect::<Result<_, _>>()?,
        })
    }

    /// Which of the keys is the one that the reference's configuration ships, counted from 0: what it encrypted anybody can read.
    pub fn public_key(&self) -> Option<usize> {
        self.public
    }

    /// A new random key, as it stands in the setting.
    pub fn generate(random: &dyn Random) -> SecretValue {
        let mut key = Zeroizing::new([0; 32]);
        random.fill(key.as_mut_slice());
        SecretValue::new(base64::engine::general_purpose::URL_SAFE.encode(key.as_slice()))
    }

    /// Encrypts with the first key: `fernet:` and the token.
    pub fn encrypt(&self, value: &SecretValue) -> String {
        format!("{PREFIX}{}", self.first.encrypt(value.expose().as_bytes()))
    }

    /// Decrypts a token, with `fernet:` before it or not, with whichever key opens it.
    ///
    /// # Errors
    /// [`FernetError`] tells a text that is no token from one that no key opens.
    pub fn decrypt(&self, text: &str) -> Result<SecretValue, FernetError> {
        self.open(text).map(|(_, value)| value)
    }

    /// Decrypts a token as [`Self::decrypt`] does, and says which key opened it, counted from 0.
    ///
    /// # Errors
    /// [`FernetError`] tells a text that is no token from one that no key opens.
    pub fn open(&self, text: &str) -> Result<(usize, SecretValue), FernetError> {
        let token = token_of(text)?;
        let (key, mut plain) = std::iter::once(&self.first)
            .chain(&self.others)
            .enumerate()
            .find_map(|(index, key)| Some((index, open(key, token)?)))
            .ok_or(FernetError::NoKeyOpens)?;
        // Wiped if it is no text; taken over without a copy if it is.
        let text = String::from_utf8(std::mem::take(&mut *plain)).map_err(|wrong| {
            drop(Zeroizing::new(wrong.into_bytes()));
            FernetError::NotText
        })?;
        Ok((key, SecretValue::new(text)))
    }

    /// The value of a token under the first key, `fernet:` and the token; `None` if the first key opens it as it is. What is
    /// encrypted is taken over byte for byte, text or not, and the new token is opened once before it is answered.
    ///
    /// # Errors
    /// [`FernetError`] tells a text that is no token from one that no key opens.
    pub fn renew(&self, text: &str) -> Result<Option<String>, FernetError> {
        let token = token_of(text)?;
        if open(&self.first, token).is_some() {
            return Ok(None);
        }
        let value = self.others.iter().find_map(|key| open(key, token)).ok_or(FernetError::NoKeyOpens)?;
        let renewed = self.first.encrypt(&value);
        match open(&self.first, &renewed) {
            Some(again) if again == value => Ok(Some(format!("{PREFIX}{renewed}"))),
            _ => Err(FernetError::NoKeyOpens),
        }
    }

    /// How many keys there are: one at least.
    pub fn count(&self) -> usize {
        1 + self.others.len()
    }

    /// Whether new values would be encrypted with the key that the reference's configuration ships, known to everybody.
    pub fn is_default(&self) -> bool {
        self.is_default
    }
}

impl fmt::Debug for FernetKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FernetKeys({} of them)", self.count())
    }
}

/// The token in a stored text, if it has the form of one.
fn token_of(text: &str) -> Result<&str, FernetError> {
    let token = text.strip_prefix(PREFIX).unwrap_or(text);
    let bytes = LENIENT.decode(token).map_err(|_| FernetError::NotAToken)?;
    if bytes.first() != Some(&VERSION) || bytes.len() < SHORTEST {
        return Err(FernetError::NotAToken);
    }
    Ok(token)
}

/// What a token holds, if this key opens it.
fn open(key: &Fernet, token: &str) -> Option<Zeroizing<Vec<u8>>> {
    // The library refuses tokens from the future. Seen from the end of time there are none.
    let end_of_time = u64::MAX - 60;
    key.decrypt_at_time(token, None, end_of_time).ok().map(Zeroizing::new)
}

fn parse_key(text: &str, number: usize) -> Result<Zeroizing<Vec<u8>>, FernetKeyError> {
    let text = text.trim();
    if text.is_empty() {
        return Err(FernetKeyError::Empty(number));
    }
    let url_safe = Zeroizing::new(text.replace('/', "_").replace('+', "-"));
    let key = LENIENT
        .decode(url_safe.as_bytes())
        .map(Zeroizing::new)
        .map_err(|_| FernetKeyError::NotBase64(number))?;
    if key.len() != 32 {
        return Err(FernetKeyError::Length { number, bytes: key.len() });
    }
    Ok(key)
}

fn cipher(key: &[u8]) -> Result<Fernet, FernetKeyError> {
    let text = Zeroizing::new(base64::engine::general_purpose::URL_SAFE.encode(key));
    Fernet::new(&text).ok_or(FernetKeyError::Length { number: 1, bytes: key.len() })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use strongroom_secrets::random::SequentialRandom;

    use super::*;

    /// The key of the specification's examples.
    const SPEC_KEY: &str = "cw_0x689RpI-jtRR7oE8h_eQsKImvJapLeSbXpwF4e4=";

    fn keys(setting: &str) -> FernetKeys {
        FernetKeys::parse(&SecretValue::from(setting)).unwrap()
    }

    fn key_error(setting: &str) -> FernetKeyError {
        FernetKeys::parse(&SecretValue::from(setting)).unwrap_err()
    }

    #[test]
    fn the_key_that_opens_a_token_is_told_and_so_is_the_public_one() {
        let old = keys(SPEC_KEY).encrypt(&"hunter2".into());
        let both = keys(&format!("{PUBLIC_DEFAULT_KEY},{SPEC_KEY}"));
        assert_eq!(both.open(&old).unwrap().0, 1);
        assert_eq!(both.open(&both.encrypt(&"x".into())).unwrap().0, 0);
        assert_eq!((both.count(), both.public_key()), (2, Some(0)));
        assert_eq!(keys(&format!("{SPEC_KEY},{PUBLIC_DEFAULT_KEY}")).public_key(), Some(1));
        assert_eq!(keys(SPEC_KEY).public_key(), None);
    }

    #[test]
    fn the_specifications_token_is_opened() {
        let token = "gAAAAAAdwJ6wAAECAwQFBgcICQoLDA0ODy021cpGVWKZ_eEwCGM4BLLF_5CV9dOPmrhuVUPgJobwOz7JcbmrR64jVmpU4IwqDA==";
        let keys = keys(SPEC_KEY);
        for text in [token.to_owned(), format!("fernet:{token}"), token.trim_end_matches('=').to_owned()] {
            assert_eq!(keys.decrypt(&text).unwrap().expose(), "hello");
        }
    }

    #[test]
    fn the_specifications_invalid_tokens_are_refused() {
        let keys = keys(SPEC_KEY);
        for (token, why) in [
            (
                "gAAAAAAdwJ6xAAECAwQFBgcICQoLDA0OD3HkMATM5lFqGaerZ-fWPAl1-szkFVzXTuGb4hR8AKtwcaX1YdykQUFBQUFBQUFBQQ==",
                FernetError::NoKeyOpens,
            ),
            ("gAAAAAAdwJ6xAAECAwQFBgcICQoLDA0OD3HkMATM5lFqGaerZ-fWPA==", FernetError::NotAToken),
            (
                "%%%%%%%%%%%%%AECAwQFBgcICQoLDA0OD3HkMATM5lFqGaerZ-fWPAl1-szkFVzXTuGb4hR8AKtwcaX1YdykRtfsH-p1YsUD2Q==",
                FernetError::NotAToken,
            ),
            (
                "gAAAAAAdwJ6xAAECAwQFBgcICQoLDA0OD3HkMATM5lFqGaerZ-fWPOm73QeoCk9uGib28Xe5vz6oxq5nmxbx_v7mrfyudzUm",
                FernetError::NotAToken,
            ),
            (
                "gAAAAAAdwJ6xAAECAwQFBgcICQoLDA0ODz4LEpdELGQAad7aNEHbf-JkLPIpuiYRLQ3RtXatOYREu2FWke6CnJNYIbkuKNqOhw==",
                FernetError::NoKeyOpens,
            ),
            (
                "gAAAAAAdwJ6xBQECAwQFBgcICQoLDA0OD3HkMATM5lFqGaerZ-fWPAkLhFLHpGtDBRLRTZeUfWgHSv49TF2AUEZ1TIvcZjK1zQ==",
                FernetError::NoKeyOpens,
            ),
        ] {
            assert_eq!(keys.decrypt(token).unwrap_err(), why, "{token}");
        }
    }

    #[test]
    fn a_token_is_renewed_unless_the_first_key_opens_it() {
        let (old, new) = (SPEC_KEY, "jJ/9sz0g0OHxsfxOoSfdFdmk3ysNmPRnH3TUAbz3IHA=");
        let both = keys(&format!("{new},{old}"));
        assert_eq!(both.count(), 2);
        let stored = keys(old).encrypt(&SecretValue::new("pässword"));
        let renewed = both.renew(&stored).unwrap().unwrap();
        assert_eq!(keys(new).decrypt(&renewed).unwrap().expose(), "pässword");
        assert_eq!(both.renew(&renewed), Ok(None));
        assert_eq!(keys(new).renew(&stored), Err(FernetError::NoKeyOpens));
        assert_eq!(both.renew("fernet: is a plant"), Err(FernetError::NotAToken));
    }

    #[test]
    fn what_is_no_text_is_renewed_byte_for_byte() {
        let (old, new) = (SPEC_KEY, "jJ/9sz0g0OHxsfxOoSfdFdmk3ysNmPRnH3TUAbz3IHA=");
        let stored = keys(old).first.encrypt(&[0xff, 0xfe]);
        let renewed = keys(&format!("{new},{old}")).renew(&stored).unwrap().unwrap();
        let opened = open(&keys(new).first, renewed.strip_prefix(PREFIX).unwrap()).unwrap();
        assert_eq!(*opened, [0xff, 0xfe]);
    }

    #[test]
    fn age_does_not_matter_neither_past_nor_future() {
        let keys = keys(SPEC_KEY);
        for token in [
            // The specification's "far-future" and "expired" examples: right but for their time.
            "gAAAAAAdwStRAAECAwQFBgcICQoLDA0OD3HkMATM5lFqGaerZ-fWPAnja1xKYyhd-Y6mSkTOyTGJmw2Xc2a6kBd-iX9b_qXQcw==",
            "gAAAAAAdwJ6xAAECAwQFBgcICQoLDA0OD3HkMATM5lFqGaerZ-fWPAl1-szkFVzXTuGb4hR8AKtwcaX1YdykRtfsH-p1YsUD2Q==",
        ] {
            assert!(keys.decrypt(token).is_ok());
        }
        let other = Fernet::new(SPEC_KEY).unwrap();
        for time in [0, 9_999_999_999, u64::MAX - 60] {
            assert_eq!(keys.decrypt(&other.encrypt_at_time(b"x", time)).unwrap().expose(), "x");
        }
    }

    #[test]
    fn a_key_is_taken_in_any_base64() {
        let plain = "jJ/9sz0g0OHxsfxOoSfdFdmk3ysNmPRnH3TUAbz3IHA=";
        let token = keys(plain).encrypt(&SecretValue::from("x"));
        for same in [
            "jJ/9sz0g0OHxsfxOoSfdFdmk3ysNmPRnH3TUAbz3IHA",
            "jJ_9sz0g0OHxsfxOoSfdFdmk3ysNmPRnH3TUAbz3IHA=",
            " jJ_9sz0g0OHxsfxOoSfdFdmk3ysNmPRnH3TUAbz3IHA\n",
        ] {
            assert_eq!(keys(same).decrypt(&token).unwrap().expose(), "x");
            assert!(keys(same).is_default());
        }
        assert!(!keys(SPEC_KEY).is_default());
    }

    #[test]
    fn the_first_of_several_keys_encrypts_and_all_decrypt() {
        let old = keys(PUBLIC_DEFAULT_KEY).encrypt(&SecretValue::from("old"));
        let both = keys(&format!("{SPEC_KEY}, {PUBLIC_DEFAULT_KEY}"));
        assert_eq!(both.decrypt(&old).unwrap().expose(), "old");
        assert!(!both.is_default());
        let new = both.encrypt(&SecretValue::from("new"));
        assert_eq!(keys(SPEC_KEY).decrypt(&new).unwrap().expose(), "new");
        assert_eq!(keys(PUBLIC_DEFAULT_KEY).decrypt(&new).unwrap_err(), FernetError::NoKeyOpens);
    }

    #[test]
    fn a_wrong_key_setting_is_refused_without_quoting_it() {
        assert_eq!(key_error(""), FernetKeyError::Empty(1));
        assert_eq!(key_error(&format!("{SPEC_KEY},")), FernetKeyError::Empty(2));
        assert_eq!(key_error("hunter2!"), FernetKeyError::NotBase64(1));
        assert_eq!(key_error("aHVudGVyMg=="), FernetKeyError::Length { number: 1, bytes: 7 });
        assert!(!key_error("hunter2!").to_string().contains("hunter2"));
    }

    #[test]
    fn an_empty_value_is_encrypted_like_any_other() {
        let keys = keys(SPEC_KEY);
        let token = keys.encrypt(&SecretValue::default());
        assert!(token.starts_with("fernet:gAAAAA"));
        assert_eq!(keys.decrypt(&token).unwrap().expose(), "");
    }

    #[test]
    fn bytes_that_are_no_text_are_refused() {
        let token = Fernet::new(SPEC_KEY).unwrap().encrypt(b"\xff\xfe");
        assert_eq!(keys(SPEC_KEY).decrypt(&token).unwrap_err(), FernetError::NotText);
    }

    #[test]
    fn generated_keys_are_keys_and_differ() {
        let random = SequentialRandom::default();
        let (one, two) = (FernetKeys::generate(&random), FernetKeys::generate(&random));
        assert_eq!(one.len(), 44);
        assert!(!one.matches(&two));
        assert!(FernetKeys::parse(&one).is_ok());
    }

    #[test]
    fn debug_shows_no_key() {
        assert_eq!(format!("{:?}", keys(SPEC_KEY)), "FernetKeys(1 of them)");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn every_text_comes_back(text in any::<String>()) {
            let keys = keys(SPEC_KEY);
            let value = SecretValue::from(text.as_str());
            prop_assert!(keys.decrypt(&keys.encrypt(&value)).unwrap() == value);
        }

        #[test]
        fn no_text_makes_it_panic(text in any::<String>(), token in "gAAAAA[A-Za-z0-9_-]{0,200}={0,2}") {
            let keys = keys(SPEC_KEY);
            prop_assert!(keys.decrypt(&text).is_err());
            prop_assert!(keys.decrypt(&token).is_err());
            let _ = FernetKeys::parse(&SecretValue::from(text));
        }
    }
}
