use enliven_types::Cid;

use crate::{BlockStore, ContentError};

/// A place beside the data directory that keeps what epochs publish.
pub trait Mirror: Send + Sync {
    /// What it is, for messages and for remembering what it has; without secrets.
    fn place(&self) -> String;

    /// Makes sure that it has a root and all that it leads to, and keeps it. It has all that the root `before` leads to, if
    /// one is given; of what `root` leads to, `new` are those that may be missing. Doing it again changes nothing.
    fn keep(
        &self,
        root: &Cid,
        name: &str,
        before: Option<&Cid>,
        blocks: &dyn BlockStore,
        new: &[Cid],
    ) -> Result<(), ContentError>;

    /// Whether it still keeps a root.
    fn has_root(&self, root: &Cid) -> Result<bool, ContentError>;

    /// Tells others under a name that does not change where the collection's latest directory is; the name, if it does.
    fn announce(&self, directory: &Cid) -> Result<Option<String>, ContentError>;

    /// Whether it can be reached, and what it is.
    fn check(&self) -> Result<String, ContentError>;
}
