use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use enliven_chain::{Address, B256, FixedBytes};
use enliven_types::{Digest, Period};

/// Tokens that live: events to features to decisions to verified NFT metadata.
#[derive(Debug, Parser)]
#[command(name = "enliven", version, arg_required_else_help = true)]
pub struct Cli {
    /// Print the result as one JSON document.
    #[arg(long, global = true)]
    pub json: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Where a collection is described and kept.
#[derive(Args, Clone, Debug)]
pub struct Place {
    /// The manifest.
    #[arg(short, long, value_name = "FILE", default_value = "enliven.toml", env = "ENLIVEN_MANIFEST")]
    pub manifest: PathBuf,
    /// The data directory; by default `.enliven` beside the manifest.
    #[arg(short, long, value_name = "DIR", env = "ENLIVEN_DATA")]
    pub data: Option<PathBuf>,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Write a starter manifest, card template and sample results into a new folder.
    New {
        /// The folder; it must not exist or be empty.
        folder: PathBuf,
        /// What the collection follows.
        #[arg(long, value_enum, default_value_t = Template::League)]
        template: Template,
    },
    /// Check a manifest and everything that it names.
    Validate {
        #[command(flatten)]
        place: Place,
    },
    /// Train the model, evaluate it on held-back events, and write the artifact.
    Train {
        #[command(flatten)]
        place: Place,
        /// Evaluate, but write nothing.
        #[arg(long)]
        dry_run: bool,
    },
    /// Models of other libraries, and what the collection's model is.
    Model {
        #[command(flatten)]
        place: Place,
        /// What to do.
        #[command(subcommand)]
        command: ModelCommand,
    },
    /// What the features are and what they are worth; tables of them for other tools.
    Features {
        #[command(flatten)]
        place: Place,
        /// What to do.
        #[command(subcommand)]
        command: FeaturesCommand,
    },
    /// Read the sources and post every epoch that is due.
    Run {
        #[command(flatten)]
        place: Place,
        /// Stop after so many epochs.
        #[arg(long, value_name = "N")]
        epochs: Option<u64>,
        /// Go on with a manifest, template or model that has changed, from the next epoch on.
        #[arg(long)]
        adopt: bool,
        /// What the features may take in memory, such as `512MiB` or `8GiB`; the rest goes to disk. The bound is shared
        /// by the committee's nodes, and names take some 80 bytes more each.
        #[arg(long, value_name = "SIZE", value_parser = parse_size)]
        feature_memory: Option<u64>,
    },
    /// Create the collection's contracts on its chain, and write down where they are and what block explorers need.
    Deploy {
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        contracts: DeployArgs,
        /// The folder for `deployment.json` and `standard-input.json`; by default the data directory.
        #[arg(long, value_name = "FOLDER")]
        out: Option<PathBuf>,
    },
    /// Who signs: show the oracle contract, replace it, and have the committee attest an epoch for other tools.
    Oracle {
        #[command(flatten)]
        place: Place,
        /// What to do.
        #[command(subcommand)]
        command: OracleCommand,
    },
    /// Train, replay, verify, summarise and serve a collection in a data directory of its own.
    Demo {
        #[command(flatten)]
        place: Place,
        /// End after the summary.
        #[arg(long)]
        once: bool,
        /// The address of the page.
        #[arg(long, default_value = "127.0.0.1:8787")]
        listen: SocketAddr,
    },
    /// Check a collection from the outside: chain, signatures, content, and every epoch recomputed; or a file of
    /// `enliven export`, offline; or an attestation of its committee.
    Verify {
        /// The JSON-RPC endpoint of the chain; with --car it is only asked for the hash of one block.
        #[arg(long, value_name = "URL", required_unless_present = "block", conflicts_with = "block")]
        rpc: Option<String>,
        /// The token contract.
        #[arg(long, value_name = "ADDRESS", value_parser = address)]
        token: Address,
        /// Where blocks come from: the URL of a trustless gateway, or the path of a block store or a CAR file.
        #[arg(long, value_name = "URL|FILE", required_unless_present_any = ["car", "attestation"])]
        content: Option<String>,
        /// A file of `enliven export`: its tokens are checked, or with --all every epoch is recomputed.
        #[arg(long, value_name = "FILE", conflicts_with_all = ["content", "epoch"])]
        car: Option<PathBuf>,
        /// An envelope of `enliven oracle attest`: whether it says what the chain says, and a quorum signed it.
        #[arg(long, value_name = "FILE", conflicts_with_all = ["content", "epoch", "car", "block", "all"])]
        attestation: Option<PathBuf>,
        /// The hash of the block that the file is held against, from a place that you trust.
        #[arg(long, value_name = "HASH", requires = "car")]
        block: Option<Digest>,
        /// One epoch to recompute, from the state that the one before it published.
        #[arg(long, value_name = "N", conflicts_with = "all")]
        epoch: Option<u64>,
        /// Recompute every epoch from the first; without this, the last one.
        #[arg(long)]
        all: bool,
        /// Where to write down how far the check has come, and go on from if it is there: only epochs that are new since
        /// are recomputed.
        #[arg(long, value_name = "FILE", requires = "all")]
        resume: Option<PathBuf>,
    },
    /// Write tokens, an epoch or a whole collection as a CAR file, which `enliven verify --car` checks offline.
    Export {
        #[command(flatten)]
        what: ExportArgs,
        #[command(flatten)]
        place: Place,
        #[command(flatten)]
        outside: Outside,
        /// The file to write.
        #[arg(short, long, value_name = "FILE")]
        out: PathBuf,
    },
    /// Put the blocks of a CAR file, or all below a root at a gateway, into a data directory.
    Import {
        /// The file, or the address of a root at a gateway, such as http://127.0.0.1:8787/ipfs/bafy...
        #[arg(value_name = "FILE|URL")]
        from: String,
        #[command(flatten)]
        place: Place,
    },
    /// Delete blocks that nothing names, and make the file smaller.
    Gc {
        #[command(flatten)]
        place: Place,
        /// Also delete the directories and images that only earlier epochs than so many show. They cannot be recomputed
        /// from here any more; receipts, metadata and events stay.
        #[arg(long, value_name = "EPOCHS", value_parser = clap::value_parser!(u64).range(1..))]
        keep: Option<u64>,
        /// Also give up the log's copy of events that posted epochs have published; where they are needed again they are
        /// read from the blocks.
        #[arg(long)]
        events: bool,
    },
    /// Say why a token changed.
    Explain {
        /// A token's id or the name that it follows.
        token: String,
        #[command(flatten)]
        place: Place,
        /// The last change at or before this epoch.
        #[arg(long, value_name = "N")]
        epoch: Option<u64>,
        /// Also look for the smallest change of one or two features that would have left it as it was.
        #[arg(long)]
        otherwise: bool,
    },
    /// List the changes of a token.
    History {
        /// A token's id or the name that it follows.
        token: String,
        #[command(flatten)]
        place: Place,
    },
    /// Serve the page, the API, the content and the embedded chain.
    Serve {
        #[command(flatten)]
        place: Place,
        /// The address to listen on.
        #[arg(long, default_value = "127.0.0.1:8787", env = "ENLIVEN_LISTEN")]
        listen: SocketAddr,
    },
    /// Check this machine and a collection's data, and say what to mend.
    Doctor {
        #[command(flatten)]
        place: Place,
    },
    /// Print the JSON Schema of the manifest.
    Schema,
    /// Print completions for a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
}

/// What a CAR file is to hold.
#[derive(Args, Debug)]
#[group(id = "exported", required = true, multiple = true)]
pub struct ExportArgs {
    /// Tokens, by id or by the name that they follow: what the light check of them needs, and their history.
    #[arg(value_name = "TOKEN", conflicts_with_all = ["epoch", "all"])]
    pub tokens: Vec<String>,
    /// Everything that one epoch leads to.
    #[arg(long, value_name = "N", conflicts_with = "all")]
    pub epoch: Option<u64>,
    /// Everything that every epoch leads to.
    #[arg(long)]
    pub all: bool,
    /// Leave out metadata that the tokens do not have any more.
    #[arg(long, requires = "tokens")]
    pub latest: bool,
}

/// A collection whose data directory is not at hand.
#[derive(Args, Debug)]
pub struct Outside {
    /// The JSON-RPC endpoint of the chain, instead of a data directory.
    #[arg(long, value_name = "URL", requires = "token", requires = "content")]
    pub rpc: Option<String>,
    /// The token contract.
    #[arg(long, value_name = "ADDRESS", requires = "rpc", value_parser = address)]
    pub token: Option<Address>,
    /// Where blocks come from: the URL of a trustless gateway, or the path of a block store or a CAR file.
    #[arg(long, value_name = "URL|FILE", requires = "rpc")]
    pub content: Option<String>,
}

/// What a collection's contracts start with.
#[derive(Args, Debug, Default, PartialEq, Eq)]
pub struct DeployArgs {
    /// Owns the token, once it calls `acceptOwnership`; by default the key that pays.
    #[arg(long, value_name = "ADDRESS")]
    pub owner: Option<Address>,
    /// May pause posting and veto the owner's proposals; by default nobody.
    #[arg(long, value_name = "ADDRESS")]
    pub guardian: Option<Address>,
    /// Gets the royalty; by default the owner.
    #[arg(long, value_name = "ADDRESS")]
    pub royalty_receiver: Option<Address>,
    /// How long the owner's proposals wait; by default 2d, on the embedded chain 0s.
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    pub delay: Option<u32>,
    #[command(flatten)]
    pub oracle: OracleArgs,
}

/// What an oracle contract is made of, besides its signers.
#[derive(Args, Debug, Default, PartialEq, Eq)]
pub struct OracleArgs {
    /// The least time between two epochs.
    #[arg(long, value_name = "TIME", value_parser = seconds)]
    pub min_interval: Option<u32>,
    /// The key of a FROST group that may sign in the committee's place: x and y, 128 hexadecimal digits.
    #[arg(long, value_name = "KEY")]
    pub group_key: Option<FixedBytes<64>>,
    /// Another model and manifest that reports may be made with, besides those of now; at most three.
    #[arg(long, value_name = "MODEL:MANIFEST", value_parser = definition)]
    pub definition: Vec<(B256, B256)>,
    /// Let reports be made with any model and any manifest; so it is on the embedded chain unless
    /// `--definition` is given.
    #[arg(long, conflicts_with = "definition")]
    pub any_definition: bool,
}

/// The commands on the oracle contract.
#[derive(Debug, Subcommand)]
pub enum OracleCommand {
    /// Show the contracts, as the chain has them, and the owner's proposals.
    Show,
    /// Create the oracle of the next committee, whose keys are given, and propose it to the token.
    Propose {
        #[command(flatten)]
        oracle: OracleArgs,
    },
    /// Write the committee's word on an epoch as an in-toto statement in a DSSE envelope, for tools that know no chain.
    Attest {
        /// The epoch; without it the last one.
        #[arg(long, value_name = "N")]
        epoch: Option<u64>,
        /// Where to; without it to the terminal.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
    },
    /// Show the P-256 keys that other tools check such an envelope with.
    Keys,
    /// Make the token believe an oracle that was proposed long enough ago.
    TakeOn {
        /// The oracle; without it the one that is proposed.
        oracle: Option<Address>,
    },
}

fn address(text: &str) -> Result<Address, String> {
    text.parse().map_err(|_| "an address is 0x and 40 hexadecimal digits".to_string())
}

fn seconds(text: &str) -> Result<u32, String> {
    let wrong = "it is a whole number with s, m, h or d, such as 2d";
    if matches!(text, "0" | "0s") {
        return Ok(0);
    }
    match text.parse() {
        Ok(Period::Fixed(ms)) => u32::try_from(ms / 1000).map_err(|_| "it is more than a hundred years".to_string()),
        _ => Err(wrong.to_string()),
    }
}

fn definition(text: &str) -> Result<(B256, B256), String> {
    let (model, manifest) = text.split_once(':').ok_or("it is two digests with a colon between them")?;
    let digest = |part: &str| part.parse().map_err(|_| format!("`{part}` is not 0x and 64 hexadecimal digits"));
    Ok((digest(model)?, digest(manifest)?))
}

/// The commands on models.
#[derive(Debug, Subcommand)]
pub enum ModelCommand {
    /// Read a model of XGBoost (JSON, UBJSON), LightGBM (text), scikit-learn (the JSON of
    /// `sklearn_export.py`) or ONNX, compare it with the original, and write the artifact.
    Import(ImportArgs),
    /// Say what the collection's model is.
    Show,
}

/// What `model import` is told.
#[derive(Args, Debug)]
pub struct ImportArgs {
    /// The model's file.
    pub file: PathBuf,
    /// The inputs are features of this view.
    #[arg(long, value_name = "VIEW")]
    pub features: Option<String>,
    /// The features that the model's inputs are, in their order; by default the names in the file.
    #[arg(long, value_name = "FEATURE", value_delimiter = ',')]
    pub inputs: Vec<String>,
    /// The value of a feature that stands for *not known*; may be given again.
    #[arg(long, value_name = "FEATURE=VALUE")]
    pub missing: Vec<String>,
    /// The names of the classes, in their order.
    #[arg(long, value_name = "CLASS", value_delimiter = ',')]
    pub classes: Vec<String>,
    /// The class that attributions explain.
    #[arg(long, value_name = "CLASS")]
    pub explained: Option<String>,
    /// How attributions are defined; by default by the path for trees, beside background rows for others.
    #[arg(long, value_enum)]
    pub attributions: Option<Attributions>,
    /// A table (.csv, .jsonl, .parquet) with a column for each input, to compare on; by default the
    /// features just before the collection's events.
    #[arg(long, value_name = "FILE")]
    pub rows: Option<PathBuf>,
    /// The most that a margin may differ from the original.
    #[arg(long, default_value_t = 1e-4)]
    pub tolerance: f64,
    /// The most rows that may be decided otherwise than by the original.
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub max_changed: usize,
    /// Compare, but write nothing.
    #[arg(long)]
    pub dry_run: bool,
}

/// How attributions are defined.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Attributions {
    /// Trees: an unknown input is averaged over the training rows.
    Path,
    /// An unknown input is that of background rows.
    Background,
    /// The same, over some orders of the inputs only: for networks with many inputs.
    Sampled,
}

/// The commands on features. They read the sources; none needs a model or a chain.
#[derive(Debug, Subcommand)]
pub enum FeaturesCommand {
    /// List the features; with an entity, its values.
    Show {
        /// The entity, such as a team.
        entity: Option<String>,
        /// From the events before this date or instant; all events without it.
        #[arg(long, value_name = "TIME", requires = "entity")]
        at: Option<String>,
        #[command(flatten)]
        from: FromTiles,
    },
    /// Say what one feature is: filter, window, accuracy, default, privacy.
    Explain {
        /// The feature.
        name: String,
    },
    /// Say which features another manifest adds (+), lacks (-) or defines otherwise (~).
    Diff {
        /// The other manifest.
        other: PathBuf,
    },
    /// List the events of a running collection that came later than allowed and changed nothing.
    Late,
    /// Write the features of every entity at every epoch, for a definition that is new or old.
    Backfill {
        /// The table to write: .parquet or .csv.
        file: PathBuf,
        #[command(flatten)]
        from: FromTiles,
    },
    /// Write a training set: for each event the features of its entities just before it.
    Export {
        /// The table to write: .parquet or .csv.
        file: PathBuf,
        /// Only events at or after this date or instant.
        #[arg(long, value_name = "TIME")]
        from: Option<String>,
        /// Only events before this date or instant.
        #[arg(long, value_name = "TIME")]
        until: Option<String>,
    },
    /// Write the features as a job for another engine, which computes tiles of them.
    Compile {
        /// The engine.
        #[arg(long, value_enum)]
        to: Engine,
        /// The view; that of the tokens without this.
        #[arg(long)]
        view: Option<String>,
        /// The script to write; it is shown without this.
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Read the events from the topic of the source's name and write tiles to topics, at these
        /// brokers: HOST:PORT, several with commas. Files without this.
        #[arg(long, value_name = "BROKERS")]
        kafka: Option<String>,
        /// The folder for tiles in files.
        #[arg(long, value_name = "FOLDER", default_value = "tiles")]
        tiles: PathBuf,
    },
    /// Write the tiles of such a job as this engine adds them up, one value a line.
    #[command(hide = true)]
    Tiles {
        /// The view; that of the tokens without this.
        #[arg(long)]
        view: Option<String>,
        /// The CSV file to write.
        file: PathBuf,
    },
}

/// Tiles that another engine added up, in place of the events.
#[derive(Args, Clone, Debug)]
pub struct FromTiles {
    /// From the tiles in this folder, which a job of `features compile` wrote; the events are not read.
    #[arg(long, value_name = "FOLDER")]
    pub tiles: Option<PathBuf>,
    /// The view that the tiles are of; that of the tokens without this.
    #[arg(long, requires = "tiles")]
    pub view: Option<String>,
    /// All events that the tiles count are before this date or instant. Needed only where every feature is a total
    /// since ever: other tiles say when they end.
    #[arg(long, value_name = "TIME", requires = "tiles")]
    pub end: Option<String>,
}

/// Another engine that can compute features.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Engine {
    /// Apache Flink, in SQL.
    Flink,
}

/// What a starter collection follows.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Template {
    /// Clubs that play each other; comes with made-up results.
    League,
}

/// A number of bytes, such as `512MiB`.
fn parse_size(text: &str) -> Result<u64, String> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = match &text[digits.len()..] {
        "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err("a size is a whole number and a unit: B, KiB, MiB or GiB".into()),
    };
    let size = digits.parse::<u64>().ok().and_then(|size| size.checked_mul(unit));
    size.ok_or_else(|| format!("`{digits}` is not a number of bytes that a machine can have"))
}
