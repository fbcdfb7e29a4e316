use std::io::{BufRead, BufReader};
use std::net::TcpListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A Kubo node of its own, offline, in a temporary repository; its daemon can be stopped and started again. The program is
/// the one that `crates/base/content/tests/kubo/install.sh` builds.
pub struct KuboNode {
    program: PathBuf,
    repository: tempfile::TempDir,
    daemon: Option<Child>,
    /// The address of its RPC, the same after each start.
    pub url: String,
}

impl KuboNode {
    /// Makes a repository; the daemon is not started.
    pub fn new() -> KuboNode {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/kubo");
        let programs = std::fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path());
        let program = programs.filter(|path| path.extension().is_none_or(|extension| extension != "part")).max();
        let program = program.expect("Kubo is built (crates/base/content/tests/kubo/install.sh builds it)");
        // Free now; between this and the start another process could take it, which the start would say.
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let node = KuboNode {
            program,
            repository: tempfile::tempdir().unwrap(),
            daemon: None,
            url: format!("http://127.0.0.1:{port}"),
        };
        node.ipfs(&["init", "--profile=test,unixfs-v1-2025"]);
        node.ipfs(&["config", "Addresses.API", &format!("/ip4/127.0.0.1/tcp/{port}")]);
        node
    }

    /// Makes a repository and starts the daemon.
    pub fn started() -> KuboNode {
        let mut node = KuboNode::new();
        node.start();
        node
    }

    /// Starts the daemon and waits until it is ready.
    pub fn start(&mut self) {
        let mut daemon = self.command(&["daemon", "--offline"]).stdout(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(daemon.stdout.take().unwrap()).lines().map_while(Result::ok);
        lines.find(|line| line.contains("Daemon is ready")).expect("the daemon gets ready");
        std::thread::spawn(move || lines.for_each(drop));
        self.daemon = Some(daemon);
    }

    /// Kills the daemon.
    pub fn kill(&mut self) {
        if let Some(mut daemon) = self.daemon.take() {
            daemon.kill().ok();
            daemon.wait().ok();
            // What a daemon that ends by itself takes away.
            std::fs::remove_file(self.repository.path().join("api")).ok();
        }
    }

    /// Runs a command on the repository; what it prints.
    pub fn ipfs(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().unwrap();
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "ipfs {arguments:?}: {error}");
        String::from_utf8(output.stdout).unwrap().trim().to_string()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new::<&Path>(&self.program);
        command.args(arguments).env("IPFS_PATH", self.repository.path()).stderr(Stdio::piped());
        command
    }
}

impl Default for KuboNode {
    fn default() -> KuboNode {
        KuboNode::new()
    }
}

impl Drop for KuboNode {
    fn drop(&mut self) {
        self.kill();
    }
}
