//! Airflow's settings, found and read as Airflow does it.
//!
//! A setting is looked for in the variable `AIRFLOW__<SECTION>__<KEY>`, then in `airflow.cfg`; what is found there has its `%`
//! resolved ([`ini`]), and either way its variables put in ([`expansion`]). That variable's relatives `…_CMD` and `…_SECRET` count in
//! Airflow only for settings that it lists as sensitive, and none of ours is among them: they are not looked at.

pub mod expansion;
mod homes;
pub mod ini;

use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use strongroom_secrets::{Error, ErrorKind, Result, SecretValue};

use crate::Environment;
use ini::Ini;

/// The largest `airflow.cfg` that is read, in bytes: some twenty times Airflow's own with all its comments.
const MAX_BYTES: u64 = 4 << 20;

/// The settings of the Airflow that runs in an environment.
pub struct AirflowSettings<'a> {
    environment: Environment<'a>,
    path: PathBuf,
    /// None if there is no such file: then only variables count.
    file: Option<Ini>,
}

impl<'a> AirflowSettings<'a> {
    /// Finds `airflow.cfg` (`AIRFLOW_CONFIG`, else in `AIRFLOW_HOME`, else in `~/airflow`) and reads it, if it is there.
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration) if Airflow could not read it either.
    pub fn load(environment: Environment<'a>) -> Result<Self> {
        let path = path(environment)?;
        let file = read(&path)?
            .map(|text| {
                Ini::parse(text.expose()).map_err(|error| {
                    configuration(format!("{}, line {}: {}", path.display(), error.line, error.what))
                        .with_hint("Airflow itself refuses such a file")
                })
            })
            .transpose()?;
        Ok(Self { environment, path, file })
    }

    /// The file, whether or not it is there.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A setting; none if it is not set or empty. Space and a pair of double quotes around it are left out.
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration) if a `%` or a variable in it cannot be resolved.
    pub fn get(&self, section: &str, key: &str) -> Result<Option<SecretValue>> {
        let variable = variable(section, key);
        let (found, place) = match (self.environment)(&variable) {
            Some(value) => (Some(SecretValue::new(value)), format!("the variable {variable}")),
            None => {
                let place = format!("{} in [{section}] of {}", key, self.path.display());
                let found = self.file.as_ref().map_or(Ok(None), |file| file.get(section, key));
                (found.map_err(|error| configuration(format!("{place} cannot be read: {error}")))?, place)
            }
        };
        let Some(found) = found else { return Ok(None) };
        let expanded = expansion::expand(found.expose(), self.environment)
            .map_err(|error| configuration(format!("{place} cannot be read: {error}")))?;
        let plain = expanded.expose().trim();
        let plain = plain.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(plain);
        Ok((!plain.is_empty()).then(|| plain.into()))
    }

    /// Says that a setting is missing, and where it could be.
    pub fn missing(&self, section: &str, key: &str) -> Error {
        let (variable, path) = (variable(section, key), self.path.display());
        let file = match &self.file {
            None => format!("and there is no file {path}"),
            Some(file) => match self.misspelt(file, section, key) {
                Some((section, key)) => {
                    format!(
                        "and {path} has it as {key} in [{section}], where Airflow does not see it: case counts"
                    )
                }
                None => format!("nor is {key} in [{section}] of {path}"),
            },
        };
        configuration(format!("{variable} is not set, {file}"))
    }

    fn misspelt<'f>(&self, file: &'f Ini, section: &str, key: &str) -> Option<(&'f str, &'f str)> {
        file.options().find(|(found, option)| {
            (*found, *option) != (section, key)
                && found.eq_ignore_ascii_case(section)
                && option.eq_ignore_ascii_case(key)
        })
    }
}

/// The variable that comes before a setting in the file.
pub fn variable(section: &str, key: &str) -> String {
    format!("AIRFLOW__{}__{}", section.replace('.', "_").to_ascii_uppercase(), key.to_ascii_uppercase())
}

fn path(environment: Environment<'_>) -> Result<PathBuf> {
    let expand = |name: &str, text: &str| -> Result<String> {
        let expanded = expansion::expand(text, environment)
            .map_err(|error| configuration(format!("the variable {name} cannot be read: {error}")))?;
        Ok(expanded.expose().to_owned())
    };
    if let Some(text) = environment("AIRFLOW_CONFIG") {
        let path = expand("AIRFLOW_CONFIG", &text)?;
        if path.is_empty() {
            return Err(configuration("the variable AIRFLOW_CONFIG is set and empty".to_owned())
                .with_hint("set it to the path of airflow.cfg, or unset it"));
        }
        return Ok(path.into());
    }
    let home = environment("AIRFLOW_HOME").unwrap_or_else(|| "~/airflow".to_owned());
    Ok(Path::new(&expand("AIRFLOW_HOME", &home)?).join("airflow.cfg"))
}

fn read(path: &Path) -> Result<Option<SecretValue>> {
    let fault = |what: &str| configuration(format!("{} cannot be read: {what}", path.display()));
    let mut bytes = zeroize::Zeroizing::new(Vec::new());
    match File::open(path).and_then(|file| file.take(MAX_BYTES + 1).read_to_end(&mut bytes)) {
        Ok(_) if bytes.len() as u64 > MAX_BYTES => Err(fault("it is larger than 4 MiB")),
        Ok(_) => {
            let text = std::str::from_utf8(&bytes).map_err(|_| fault("it is not UTF-8 text"))?;
            Ok(Some(text.into()))
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => {
            Err(fault(&error.kind().to_string()).with_hint("AIRFLOW_CONFIG and AIRFLOW_HOME say where it is"))
        }
    }
}

fn configuration(message: String) -> Error {
    Error::new(ErrorKind::Configuration, message)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::fs;

    use super::*;

    const SECTION: &str = "openmetadata_secrets_manager";

    struct Scene {
        folder: tempfile::TempDir,
        variables: BTreeMap<&'static str, String>,
    }

    impl Scene {
        fn new(file: &str) -> Self {
            let folder = tempfile::tempdir().unwrap();
            fs::write(folder.path().join("airflow.cfg"), file).unwrap();
            let home = folder.path().to_str().unwrap().to_owned();
            Self { folder, variables: BTreeMap::from([("AIRFLOW_HOME", home)]) }
        }

        fn with(mut self, name: &'static str, value: &str) -> Self {
            self.variables.insert(name, value.to_owned());
            self
        }

        fn get(&self, key: &str) -> Result<Option<String>> {
            let environment = |name: &str| self.variables.get(name).cloned();
            let settings = AirflowSettings::load(&environment)?;
            Ok(settings.get(SECTION, key)?.map(|value| value.expose().to_owned()))
        }

        fn message(&self, key: &str) -> String {
            self.get(key).unwrap_err().to_string()
        }
    }

    fn vault_in(file: &str) -> Scene {
        Scene::new(&format!("[{SECTION}]\nazure_key_vault_name = {file}\n"))
    }

    #[test]
    fn the_file_is_where_airflow_looks_for_it() {
        let scene = vault_in("sales");
        assert_eq!(scene.get("azure_key_vault_name").unwrap().as_deref(), Some("sales"));
        let home = scene.folder.path().to_str().unwrap().to_owned();

        // Another file by name, with variables in it.
        fs::write(
            scene.folder.path().join("other.cfg"),
            format!("[{SECTION}]\nazure_key_vault_name = other\n"),
        )
        .unwrap();
        let named = vault_in("sales").with("AIRFLOW_CONFIG", "${BASE}/other.cfg").with("BASE", &home);
        assert_eq!(named.get("azure_key_vault_name").unwrap().as_deref(), Some("other"));

        // The home folder, if nothing is said.
        fs::create_dir(scene.folder.path().join("airflow")).unwrap();
        fs::rename(scene.folder.path().join("airflow.cfg"), scene.folder.path().join("airflow/airflow.cfg"))
            .unwrap();
        let mut default = vault_in("sales").with("HOME", &home);
        default.variables.remove("AIRFLOW_HOME");
        assert_eq!(default.get("azure_key_vault_name").unwrap().as_deref(), Some("sales"));
    }

    #[test]
    fn variables_come_before_the_file_and_count_even_if_they_are_empty() {
        let name = "AIRFLOW__OPENMETADATA_SECRETS_MANAGER__AZURE_KEY_VAULT_NAME";
        assert_eq!(variable(SECTION, "azure_key_vault_name"), name);
        let set = vault_in("sales").with(name, "other");
        assert_eq!(set.get("azure_key_vault_name").unwrap().as_deref(), Some("other"));
        // The guide has a space before its values, and Helm puts them in quotes.
        for odd in [" other", "\"other\"", " \"other\" "] {
            assert_eq!(
                vault_in("sales").with(name, odd).get("azure_key_vault_name").unwrap().as_deref(),
                Some("other")
            );
        }
        assert_eq!(vault_in("sales").with(name, "").get("azure_key_vault_name").unwrap(), None);
    }

    #[test]
    fn commands_and_secret_paths_are_not_for_this_section() {
        let scene = Scene::new(&format!("[{SECTION}]\nazure_client_secret_cmd = echo hunter2\n"))
            .with("AIRFLOW__OPENMETADATA_SECRETS_MANAGER__AZURE_CLIENT_SECRET_CMD", "echo hunter2")
            .with("AIRFLOW__OPENMETADATA_SECRETS_MANAGER__AZURE_CLIENT_SECRET_SECRET", "path");
        assert_eq!(scene.get("azure_client_secret").unwrap(), None);
    }

    #[test]
    fn a_value_has_its_percent_signs_resolved_and_then_its_variables() {
        let scene = vault_in("%%$NAME").with("NAME", "${INNER}").with("INNER", "x");
        assert_eq!(scene.get("azure_key_vault_name").unwrap().as_deref(), Some("%x"));
        // A variable of Airflow's is not a file's value: its % stands for itself.
        let name = "AIRFLOW__OPENMETADATA_SECRETS_MANAGER__AZURE_CLIENT_SECRET";
        assert_eq!(
            vault_in("v").with(name, "a%b%%").get("azure_client_secret").unwrap().as_deref(),
            Some("a%b%%")
        );
    }

    #[test]
    fn what_cannot_be_read_is_named_and_never_shown() {
        let percent = vault_in("hunter%2").message("azure_key_vault_name");
        assert!(
            percent.contains(&format!("azure_key_vault_name in [{SECTION}]")) && percent.contains("write %%"),
            "{percent}"
        );
        let endless = vault_in("$A").with("A", "hunter2 $A").message("azure_key_vault_name");
        assert!(endless.contains("hold one another"), "{endless}");
        let broken = Scene::new("[core]\nhunter2\n").message("azure_key_vault_name");
        assert!(broken.contains("airflow.cfg, line 2: ") && broken.contains("Airflow itself"), "{broken}");
        for message in [percent, endless, broken] {
            assert!(!message.contains("hunter"), "{message}");
        }
    }

    #[test]
    fn a_missing_setting_is_told_with_both_places() {
        let says = |scene: &Scene| {
            let environment = |name: &str| scene.variables.get(name).cloned();
            AirflowSettings::load(&environment).unwrap().missing(SECTION, "azure_key_vault_name").to_string()
        };
        let no_key = says(&Scene::new("[core]\n"));
        assert!(no_key.starts_with("AIRFLOW__OPENMETADATA_SECRETS_MANAGER__AZURE_KEY_VAULT_NAME is not set, nor is azure_key_vault_name in"), "{no_key}");
        let other_case = says(&Scene::new(&format!("[{SECTION}]\nAzure_Key_Vault_Name = v\n")));
        assert!(other_case.contains("has it as Azure_Key_Vault_Name"), "{other_case}");
        let scene = Scene::new("");
        fs::remove_file(scene.folder.path().join("airflow.cfg")).unwrap();
        assert!(says(&scene).contains("and there is no file "), "{}", says(&scene));
    }

    #[test]
    fn a_folder_in_the_place_of_the_file_and_an_empty_name_are_errors() {
        let folder = Scene::new("");
        let path = folder.folder.path().to_str().unwrap().to_owned();
        assert!(folder.with("AIRFLOW_CONFIG", &path).message("x").contains("cannot be read"));
        assert!(Scene::new("").with("AIRFLOW_CONFIG", "").message("x").contains("set and empty"));
    }
}
