//! Where the text of an option comes from: flag, environment, file, in this order.

use std::fmt;
use std::path::{Path, PathBuf};

use super::options::NAMES;

/// How an environment variable is read; tests hand in a table.
pub type Environment<'a> = &'a dyn Fn(&str) -> Option<String>;

/// An option that is wrong; the sentence names it and where it was set.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The text of an option is not what it should be.
    #[error("--{option}{origin}: {why}")]
    Wrong {
        /// The option, without dashes.
        option: &'static str,
        /// Where it was set.
        origin: Origin,
        /// One sentence.
        why: String,
    },
    /// The configuration file cannot be used.
    #[error("--config {path}: {why}", path = path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// One sentence.
        why: String,
    },
}

impl ConfigError {
    pub(super) fn incomplete(option: &'static str, why: &str) -> Self {
        Self::Wrong {
            option,
            origin: Origin::Flag,
            why: why.to_owned(),
        }
    }
}

/// Where an option was set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// On the command line.
    Flag,
    /// In the environment.
    Environment(String),
    /// In the configuration file.
    File(PathBuf),
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Flag => Ok(()),
            Self::Environment(name) => write!(f, " (from {name})"),
            Self::File(path) => write!(f, " (from {})", path.display()),
        }
    }
}

/// The text of one option and where it was set.
pub(super) struct Given {
    option: &'static str,
    text: String,
    origin: Origin,
}

impl Given {
    pub(super) fn parse<T>(self, parser: fn(&str) -> Result<T, String>) -> Result<T, ConfigError> {
        parser(self.text.trim()).map_err(|why| ConfigError::Wrong {
            option: self.option,
            origin: self.origin,
            why,
        })
    }
}

/// The three places, ready to be asked.
pub(super) struct Sources<'a> {
    environment: Environment<'a>,
    file: Option<(PathBuf, toml::Table)>,
}

impl<'a> Sources<'a> {
    /// Reads the configuration file, where there is one.
    pub(super) fn open(
        config: Option<&str>,
        environment: Environment<'a>,
    ) -> Result<Self, ConfigError> {
        let path = config
            .map(str::to_owned)
            .or_else(|| environment(&variable("config")));
        let file = path.map(|path| read_file(Path::new(&path))).transpose()?;
        Ok(Self { environment, file })
    }

    /// The text of an option that is given once.
    pub(super) fn one(
        &self,
        option: &'static str,
        flag: Option<&str>,
    ) -> Result<Option<Given>, ConfigError> {
        let flags: Vec<String> = flag.map(str::to_owned).into_iter().collect();
        let mut given = self.lookup(option, &flags)?;
        if given.len() > 1 {
            return Err(ConfigError::Wrong {
                option,
                origin: given.remove(0).origin,
                why: "takes one value, not a list".to_owned(),
            });
        }
        Ok(given.pop())
    }

    /// The texts of an option that may be repeated: in the environment separated by commas, in the
    /// file a list.
    pub(super) fn many(
        &self,
        option: &'static str,
        flags: &[String],
    ) -> Result<Vec<Given>, ConfigError> {
        let given = self.lookup(option, flags)?;
        Ok(given
            .into_iter()
            .flat_map(|given| {
                let split: Vec<Given> = given
                    .text
                    .split(',')
                    .map(str::trim)
                    .filter(|text| !text.is_empty())
                    .map(|text| Given {
                        option,
                        text: text.to_owned(),
                        origin: given.origin.clone(),
                    })
                    .collect();
                split
            })
            .collect())
    }

    /// Whether a switch is on.
    pub(super) fn switch(&self, option: &'static str, flag: bool) -> Result<bool, ConfigError> {
        if flag {
            return Ok(true);
        }
        match self.one(option, None)? {
            Some(given) => given.parse(super::value::switch),
            None => Ok(false),
        }
    }

    fn lookup(&self, option: &'static str, flags: &[String]) -> Result<Vec<Given>, ConfigError> {
        debug_assert!(
            NAMES.contains(&option),
            "{option} is not in the list of options"
        );
        let given = |origin: Origin, text: String| Given {
            option,
            text,
            origin,
        };
        if !flags.is_empty() {
            return Ok(flags
                .iter()
                .map(|text| given(Origin::Flag, text.clone()))
                .collect());
        }
        let name = variable(option);
        if let Some(text) = (self.environment)(&name) {
            return Ok(vec![given(Origin::Environment(name), text)]);
        }
        let Some((path, table)) = &self.file else {
            return Ok(Vec::new());
        };
        let Some(value) = table.get(option) else {
            return Ok(Vec::new());
        };
        let texts = match value {
            toml::Value::Array(values) => values.iter().map(scalar).collect(),
            other => scalar(other).map(|text| vec![text]),
        };
        texts
            .map(|texts: Vec<String>| {
                texts
                    .into_iter()
                    .map(|text| given(Origin::File(path.clone()), text))
                    .collect()
            })
            .ok_or_else(|| ConfigError::Wrong {
                option,
                origin: Origin::File(path.clone()),
                why: "takes a text, a number, true or false, or a list of these".to_owned(),
            })
    }
}

/// The environment variable of an option.
pub(super) fn variable(option: &str) -> String {
    format!(
        "HOOKSWITCH_{}",
        option.to_ascii_uppercase().replace('-', "_")
    )
}

fn read_file(path: &Path) -> Result<(PathBuf, toml::Table), ConfigError> {
    let refuse = |why: String| ConfigError::File {
        path: path.to_owned(),
        why,
    };
    let text = std::fs::read_to_string(path).map_err(|error| refuse(error.to_string()))?;
    let table: toml::Table = text
        .parse()
        .map_err(|error: toml::de::Error| refuse(error.message().to_owned()))?;
    if let Some(key) = table.keys().find(|key| !NAMES.contains(&key.as_str())) {
        return Err(refuse(format!(
            "there is no option `{key}`; the options are {}",
            NAMES.join(", ")
        )));
    }
    Ok((path.to_owned(), table))
}

fn scalar(value: &toml::Value) -> Option<String> {
    match value {
        toml::Value::String(text) => Some(text.clone()),
        toml::Value::Integer(number) => Some(number.to_string()),
        toml::Value::Boolean(truth) => Some(truth.to_string()),
        _ => None,
    }
}
