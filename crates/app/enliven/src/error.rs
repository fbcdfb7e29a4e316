use thiserror::Error;

/// What a command can fail with.
#[derive(Debug, Error)]
pub enum CliError {
    /// The manifest is wrong; the message shows the place.
    #[error("{0}")]
    Manifest(String),
    /// A file cannot be read or written.
    #[error("cannot {action} {path}: {reason}{hint}")]
    File {
        /// What was being done.
        action: &'static str,
        /// The file.
        path: String,
        /// What the system said.
        reason: String,
        /// A way out, or nothing.
        hint: String,
    },
    /// The manifest's model is not trained here.
    #[error(
        "the manifest does not say how the model is trained: `model.inputs` and `model.train` are absent\nhint: `enliven model import` reads a model that was trained elsewhere"
    )]
    NotTrained,
    /// Another library's model cannot be used.
    #[error(transparent)]
    Import(#[from] enliven_models::import::ImportError),
    /// An argument makes no sense.
    #[error("{0}")]
    Usage(String),
    /// Something below failed.
    #[error(transparent)]
    Engine(#[from] enliven_engine::EngineError),
    /// The server failed.
    #[error(transparent)]
    Server(#[from] enliven_server::ServerError),
}

macro_rules! from_room {
    ($($error:ty),*) => {
        $(impl From<$error> for CliError {
            fn from(error: $error) -> CliError {
                CliError::Engine(error.into())
            }
        })*
    };
}

from_room!(
    enliven_store::StoreError,
    enliven_content::ContentError,
    enliven_chain::ChainError,
    enliven_oracle::OracleError,
    enliven_models::ModelError,
    enliven_sources::SourceError
);

impl CliError {
    /// A file that cannot be used.
    pub fn file(action: &'static str, path: &std::path::Path, error: &std::io::Error) -> CliError {
        CliError::File { action, path: path.display().to_string(), reason: error.to_string(), hint: String::new() }
    }

    /// Adds a way out.
    pub fn hint(mut self, text: &str) -> CliError {
        if let CliError::File { hint, .. } = &mut self {
            *hint = format!("\nhint: {text}");
        }
        self
    }
}
