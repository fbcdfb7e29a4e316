//! Every address of the server, over real connections.

#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::OnceLock;
use std::time::Duration;

use enliven_content::{BlockStore, CarReader, MemoryBlocks};
use enliven_light::{Anchor, LightVerifier};
use enliven_server::{Server, ServerConfig, ServerError, State};
use enliven_types::{Block, Cid, Codec, Digest, Receipt, cid_of, from_cbor};
use serde_json::{Value, json};

struct Answer {
    status: u16,
    headers: BTreeMap<String, String>,
    body: Vec<u8>,
}

impl Answer {
    fn json(&self) -> Value {
        assert_eq!(self.headers["content-type"], "application/json");
        serde_json::from_slice(&self.body).unwrap()
    }

    /// The status, after a check that the body is an error of the agreed form without paths.
    fn error(&self) -> (u16, String) {
        let body = self.json();
        let (error, hint) = (body["error"].as_str().unwrap(), body["hint"].as_str().unwrap());
        assert!(!error.is_empty() && !hint.is_empty());
        assert!(!error.contains("/tmp") && !error.contains("/home"), "{error}");
        (self.status, error.to_string())
    }
}

/// The server of all tests; it lives as long as the process.
fn server() -> SocketAddr {
    static ADDRESS: OnceLock<SocketAddr> = OnceLock::new();
    *ADDRESS.get_or_init(|| start(common::collection(&common::SMALL)))
}

fn start(state: State) -> SocketAddr {
    let server = Server::bind(ServerConfig { listen: "127.0.0.1:0".parse().unwrap() }, state).unwrap();
    let address = server.address();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(server.run(std::future::pending::<()>())).unwrap();
    });
    address
}

fn send(address: SocketAddr, text: &[u8]) -> Answer {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    // The server may answer and close before it has read all of a body that is too long.
    let _ = stream.write_all(text);
    let mut all = Vec::new();
    let _ = stream.read_to_end(&mut all);
    let end = all.windows(4).position(|four| four == b"\r\n\r\n").expect("an answer with a head");
    let head = String::from_utf8(all[..end].to_vec()).unwrap();
    let mut lines = head.lines();
    let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let headers = lines.map(|line| line.split_once(": ").unwrap()).map(|(name, value)| (name.into(), value.into()));
    let headers: BTreeMap<String, String> = headers.collect();
    let body = all[end + 4..].to_vec();
    let is_chunked = headers.get("transfer-encoding").is_some_and(|encoding| encoding == "chunked");
    Answer { status, headers, body: if is_chunked { joined(&body) } else { body } }
}

/// A body that came in chunks, which must end as it should.
fn joined(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    loop {
        let line = rest.windows(2).position(|two| two == b"\r\n").expect("the size of a chunk");
        let size = usize::from_str_radix(std::str::from_utf8(&rest[..line]).unwrap(), 16).unwrap();
        rest = &rest[line + 2..];
        if size == 0 {
            return body;
        }
        body.extend_from_slice(&rest[..size]);
        rest = &rest[size + 2..];
    }
}

fn ask(method: &str, path: &str, more: &str) -> Answer {
    let text = format!("{method} {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{more}\r\n");
    send(server(), text.as_bytes())
}

fn get(path: &str) -> Answer {
    ask("GET", path, "")
}

fn post(path: &str, body: &str, more: &str) -> Answer {
    let head = format!("content-type: application/json\r\ncontent-length: {}\r\n{more}", body.len());
    let text = format!("POST {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n{head}\r\n{body}");
    send(server(), text.as_bytes())
}

#[test]
fn the_page_comes_with_a_strict_policy_and_its_assets() {
    let page = get("/");
    assert_eq!((page.status, &page.headers["content-type"][..]), (200, "text/html; charset=utf-8"));
    let policy = &page.headers["content-security-policy"];
    assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
    let html = String::from_utf8(page.body).unwrap();
    assert!(!html.contains("http://") && !html.contains("https://"), "nothing from elsewhere");
    let mut assets = 0;
    for part in html.split('"').filter(|part| part.starts_with("/assets/")) {
        let asset = get(part);
        assert_eq!((asset.status, &asset.headers["x-content-type-options"][..]), (200, "nosniff"), "{part}");
        let again = ask("GET", part, &format!("if-none-match: {}\r\n", asset.headers["etag"]));
        assert_eq!((again.status, again.body.len()), (304, 0), "{part}");
        assets += 1;
    }
    assert!(assets >= 3);
    assert_eq!(get("/assets/nothing.js").error().0, 404);
    assert_eq!(get("/assets/..%2f..%2fCargo.toml").error().0, 404);
}

#[test]
fn the_collection_says_what_it_is() {
    let shown = get("/api/collection").json();
    assert_eq!(shown["name"], "Living Nations");
    assert_eq!(shown["chain_id"], 31337);
    assert_eq!(shown["rpc"], "/rpc");
    assert_eq!(shown["events"], 600);
    assert_eq!(shown["bad_rows"], 2);
    assert!(shown["epochs"].as_u64().unwrap() > 10);
    assert!(shown["gas"]["reports"].as_u64().unwrap() > 0);
    assert_eq!(shown["traits"][0]["name"], "strength");
    assert_eq!(shown["last_epoch"]["epoch"], shown["epochs"]);
    let words: u64 = shown["words"]["tier"].as_object().unwrap().values().map(|count| count.as_u64().unwrap()).sum();
    assert_eq!(words, shown["tokens"].as_u64().unwrap());
}

#[test]
fn tokens_are_listed_sorted_and_searched() {
    let all = get("/api/tokens").json();
    let tokens = all["tokens"].as_array().unwrap();
    assert_eq!(all["total"], tokens.len());
    assert!(tokens.len() > 10);
    for (place, token) in tokens.iter().enumerate() {
        assert_eq!(token["id"], place + 1);
        assert!(token["image"].as_str().unwrap().starts_with("bafkrei"));
    }
    let sorted = get("/api/tokens?sort=strength&limit=5").json();
    assert_eq!((sorted["total"].clone(), sorted["tokens"].as_array().unwrap().len()), (all["total"].clone(), 5));
    let values: Vec<i64> = sorted["tokens"]
        .as_array()
        .unwrap()
        .iter()
        .map(|token| token["traits"]["strength"].as_i64().unwrap())
        .collect();
    assert!(values.is_sorted_by(|left, right| left >= right), "{values:?}");
    let named = get("/api/tokens?sort=name").json();
    let names: Vec<&str> =
        named["tokens"].as_array().unwrap().iter().map(|token| token["subject"].as_str().unwrap()).collect();
    assert!(names.is_sorted(), "{names:?}");
    for sort in ["change", "changed", "id", "tier"] {
        assert_eq!(get(&format!("/api/tokens?sort={sort}")).json()["total"], all["total"], "{sort}");
    }
    let found = get("/api/tokens?q=SCOT").json();
    assert_eq!((found["total"].clone(), found["tokens"][0]["subject"].clone()), (json!(1), json!("Scotland")));
    let tier = found["tokens"][0]["traits"]["tier"].as_str().unwrap().to_string();
    let of_tier = get(&format!("/api/tokens?word={tier}")).json();
    assert!(of_tier["tokens"].as_array().unwrap().iter().all(|token| token["traits"]["tier"] == tier));
    assert_eq!(get("/api/tokens?offset=99999").json()["tokens"], json!([]));
    for query in ["sort=nothing", "limit=-1", "limit=x", "offset=%ff"] {
        assert_eq!(get(&format!("/api/tokens?{query}")).error().0, 400, "{query}");
    }
}

#[test]
fn a_token_has_a_history_and_reasons() {
    let token = get("/api/tokens/1").json();
    assert_eq!(token["subject"], get("/tokens/1.json").json()["name"]);
    let history = get("/api/tokens/1/history").json();
    let history = history.as_array().unwrap();
    assert_eq!(history.len() as u64, token["sequence"].as_u64().unwrap());
    assert_eq!(history[history.len() - 1]["image"], token["image"]);
    assert_eq!(history[history.len() - 1]["traits"], token["traits"]);
    for (place, change) in history.iter().enumerate() {
        assert_eq!(change["sequence"], place + 1);
        let epoch = &change["epoch"];
        let explained = get(&format!("/api/tokens/1/explain?epoch={epoch}")).json();
        assert_eq!(explained["receipt"], change["receipt"]);
        assert!(!explained["sentences"].as_array().unwrap().is_empty());
        let number = |value: &Value| value.as_str().unwrap().parse::<f64>().unwrap();
        let parts: f64 = explained["contributions"].as_array().unwrap().iter().map(|part| number(&part["part"])).sum();
        assert!((parts + number(&explained["base"]) - number(&explained["margin"])).abs() < 1e-6);
    }
    assert_eq!(get("/api/tokens/1/explain").json()["receipt"], token["receipt"]);
    assert_eq!(get("/api/tokens/1/explain?epoch=0").error().0, 404);
    assert_eq!(get("/api/tokens/1/explain?epoch=x").error().0, 400);
    for id in ["0", "99999", "x", "-1", "1.0", "18446744073709551616", "%F0%9F%8E%88", "%ff"] {
        for path in ["", "/history", "/explain", "/receipts"] {
            let (status, _) = get(&format!("/api/tokens/{id}{path}")).error();
            assert!(status == 404 || (status == 400 && id == "%ff"), "{id}{path}: {status}");
        }
    }
}

#[test]
fn receipts_are_a_chain_and_are_readable() {
    let links = get("/api/tokens/2/receipts").json();
    let mut previous = Value::Null;
    for link in links.as_array().unwrap() {
        assert_eq!(link["previous"], previous);
        let cid = link["cid"].as_str().unwrap();
        let receipt = get(&format!("/api/receipts/{cid}")).json();
        assert_eq!((&receipt["cid"], &receipt["previous"]), (&link["cid"], &previous));
        assert_eq!(receipt["state"]["token_id"], 2);
        assert_eq!(receipt["attribution"]["parts"].as_array().unwrap().len(), 5);
        assert!(receipt["features"].as_array().unwrap().iter().any(|feature| feature["name"] == "rating"));
        let block = get(&format!("/ipfs/{cid}?format=raw"));
        let stored: Receipt = from_cbor("receipt", &block.body).unwrap();
        assert_eq!(json!(stored.epoch), receipt["epoch"]);
        previous = link["cid"].clone();
    }
    assert_eq!(get("/api/receipts/nonsense").error().0, 400);
    assert_eq!(get(&format!("/api/receipts/{}", cid_of(Codec::DagCbor, b"absent"))).error().0, 404);
    let metadata = get("/api/tokens/2").json()["metadata"].as_str().unwrap().to_string();
    assert_eq!(get(&format!("/api/receipts/{metadata}")).error().0, 400);
}

#[test]
fn epochs_are_listed_from_the_last() {
    let listed = get("/api/epochs?limit=3").json();
    let total = listed["total"].as_u64().unwrap();
    let numbers: Vec<u64> =
        listed["epochs"].as_array().unwrap().iter().map(|epoch| epoch["epoch"].as_u64().unwrap()).collect();
    assert_eq!(numbers, [total, total - 1, total - 2]);
    let before = get(&format!("/api/epochs?limit=1&before={total}")).json();
    assert_eq!(before["epochs"][0], listed["epochs"][1]);
    let one = get(&format!("/api/epochs/{total}")).json();
    assert_eq!(one["state_root"], get("/api/collection").json()["state_root"]);
    let changed = one["changed"].as_array().unwrap().len() as u64;
    assert_eq!(changed, one["updated"].as_u64().unwrap() + one["minted"].as_u64().unwrap());
    for epoch in ["0", "99999"] {
        assert_eq!(get(&format!("/api/epochs/{epoch}")).error().0, 404);
    }
    assert_eq!(get("/api/epochs/x").error().0, 400);
    assert_eq!(get("/api/epochs?before=0").json()["epochs"], json!([]));
}

#[test]
fn the_files_of_a_token_have_types_and_tags() {
    let token = get("/api/tokens/1").json();
    for (kind, content_type, cid) in [
        ("json", "application/json", &token["metadata"]),
        ("svg", "image/svg+xml", &token["image_svg"]),
        ("png", "image/png", &token["image"]),
    ] {
        let path = format!("/tokens/1.{kind}");
        let file = get(&path);
        let tag = format!("\"{}\"", cid.as_str().unwrap());
        assert_eq!((file.status, &file.headers["content-type"][..]), (200, content_type));
        assert_eq!(file.headers["etag"], tag);
        assert_eq!(file.headers["cache-control"], "no-cache, must-revalidate");
        assert!(file.headers["content-security-policy"].starts_with("sandbox;"));
        assert_eq!(cid_of(Codec::Raw, &file.body).to_string(), cid.as_str().unwrap());
        for same in [tag.clone(), format!("\"other\", W/{tag}"), "*".into()] {
            assert_eq!(ask("GET", &path, &format!("if-none-match: {same}\r\n")).status, 304, "{same}");
        }
        assert_eq!(ask("GET", &path, "if-none-match: \"other\"\r\n").status, 200);
        let head = ask("HEAD", &path, "");
        assert_eq!((head.status, head.body.len()), (200, 0));
        assert_eq!(head.headers["content-length"], file.body.len().to_string());
    }
    for name in ["0.png", "99999.json", "1.gif", "1", ".png", "x.svg", "1.png.png"] {
        assert_eq!(get(&format!("/tokens/{name}")).error().0, 404, "{name}");
    }
}

#[test]
fn blocks_are_served_with_the_headers_of_the_gateway_specification() {
    let root = get("/api/collection").json()["directory"].as_str().unwrap().to_string();
    for asked in [format!("/ipfs/{root}?format=raw"), format!("/ipfs/{root}")] {
        let more = if asked.contains('?') { "" } else { "accept: application/vnd.ipld.raw\r\n" };
        let answer = ask("GET", &asked, more);
        assert_eq!(answer.status, 200);
        assert_eq!(answer.headers["content-type"], "application/vnd.ipld.raw");
        assert_eq!(answer.headers["etag"], format!("\"{root}.raw\""));
        assert_eq!(answer.headers["cache-control"], "public, max-age=29030400, immutable");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
        assert_eq!(answer.headers["content-disposition"], format!("attachment; filename=\"{root}.bin\""));
        assert_eq!(answer.headers["x-ipfs-path"], format!("/ipfs/{root}"));
        assert_eq!(answer.headers["vary"], "accept");
        let block = Block { cid: Cid::try_from(root.as_str()).unwrap(), bytes: answer.body };
        assert!(block.is_intact());
        let head = ask("HEAD", &asked, more);
        assert_eq!((head.status, head.body.len()), (200, 0));
        let tag = format!("{more}if-none-match: \"{root}.raw\"\r\n");
        assert_eq!(ask("GET", &asked, &tag).status, 304);
    }
    let absent = cid_of(Codec::Raw, b"absent");
    assert_eq!(get(&format!("/ipfs/{absent}?format=raw")).error().0, 404);
    let sha512 = "bafkrgqhhyivzstcz3hhswshfjgy6ertgmnqeleynhwt4dlfsthi4hn7zgh4uvlsb5xncykzapi3ocd4lzogukir6ksdy6wzrnz6ohnv4aglcs";
    assert!([400, 404].contains(&get(&format!("/ipfs/{sha512}?format=raw")).error().0));
    for wrong in ["nonsense", "bafy", "%ff", "Qm", "bafkreié", &"b".repeat(4000)] {
        assert_eq!(get(&format!("/ipfs/{wrong}?format=raw")).error().0, 400, "{wrong}");
    }
    assert_eq!(get(&format!("/ipfs/{root}?format=tar")).error().0, 406);
    let other = ask("GET", &format!("/ipfs/{root}"), "accept: application/vnd.ipld.car; version=2\r\n");
    assert_eq!(other.error().0, 406);
}

fn blocks_of(car: &[u8]) -> (Vec<Cid>, Vec<Block>) {
    let reader = CarReader::new(car, "answer.car").unwrap();
    (reader.roots().to_vec(), reader.collect::<Result<_, _>>().unwrap())
}

#[test]
fn car_files_have_the_way_and_what_the_scope_asks_for() {
    let root = get("/api/collection").json()["directory"].as_str().unwrap().to_string();
    let answer = get(&format!("/ipfs/{root}?format=car"));
    assert_eq!(answer.status, 200);
    assert_eq!(answer.headers["content-type"], "application/vnd.ipld.car; version=1; order=dfs; dups=n");
    assert_eq!(answer.headers["content-disposition"], format!("attachment; filename=\"{root}.car\""));
    let (roots, all) = blocks_of(&answer.body);
    assert_eq!((roots.len(), roots[0].to_string(), all[0].cid), (1, root.clone(), roots[0]));
    assert!(all.len() > 20, "{}", all.len());

    let same = ask("GET", &format!("/ipfs/{root}"), "accept: application/vnd.ipld.car\r\n");
    assert_eq!(same.body, answer.body);
    let block = get(&format!("/ipfs/{root}?format=car&dag-scope=block"));
    assert_eq!(blocks_of(&block.body).1, all[..1]);
    assert_ne!(block.headers["etag"], answer.headers["etag"]);
    let entity = get(&format!("/ipfs/{root}?format=car&dag-scope=entity"));
    assert_eq!(blocks_of(&entity.body).1, all[..1], "a flat directory is one block");
    assert_eq!(get(&format!("/ipfs/{root}?format=car&dag-scope=some")).error().0, 400);

    let metadata = get("/api/tokens/1").json()["metadata"].as_str().unwrap().to_string();
    let (roots, way) = blocks_of(&get(&format!("/ipfs/{root}/1.json?format=car")).body);
    let cids: Vec<String> = way.iter().map(|block| block.cid.to_string()).collect();
    assert_eq!((roots[0].to_string(), cids), (metadata.clone(), vec![root.clone(), metadata]));
    let tag = format!("if-none-match: {}\r\n", answer.headers["etag"]);
    assert_eq!(ask("GET", &format!("/ipfs/{root}?format=car"), &tag).status, 304);
    let absent = cid_of(Codec::DagPb, b"absent");
    assert_eq!(get(&format!("/ipfs/{absent}?format=car")).error().0, 404);
}

#[test]
fn parts_of_files_and_pages_for_browsers() {
    let root = get("/api/collection").json()["directory"].as_str().unwrap().to_string();
    let address = format!("/ipfs/{root}/1.json");
    let whole = get(&address);
    assert_eq!(whole.headers["accept-ranges"], "bytes");
    let part = ask("GET", &address, "range: bytes=2-5\r\n");
    assert_eq!((part.status, &part.body[..]), (206, &whole.body[2..6]));
    assert_eq!(part.headers["content-range"], format!("bytes 2-5/{}", whole.body.len()));
    let beyond = ask("GET", &address, "range: bytes=99999999-\r\n");
    assert_eq!((beyond.status, beyond.body.len()), (416, 0));
    assert_eq!(beyond.headers["content-range"], format!("bytes */{}", whole.body.len()));

    let page = ask("GET", &format!("/ipfs/{root}/"), "accept: text/html,*/*;q=0.8\r\n");
    assert_eq!(page.headers["content-type"], "text/html; charset=utf-8");
    let text = String::from_utf8(page.body).unwrap();
    assert!(text.contains(&format!("<a href=\"/ipfs/{root}/1.json\">1.json</a>")), "{text}");
    assert!(page.headers["content-security-policy"].starts_with("sandbox; default-src 'none'"));
}

#[test]
fn a_token_comes_with_its_evidence() {
    let (roots, blocks) = blocks_of(&get("/api/tokens/3/evidence.car").body);
    let store = MemoryBlocks::new();
    store.put_all(&blocks).unwrap();
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "eth_getBlockByNumber", "params": ["latest", false] });
    let newest = post("/rpc", &body.to_string(), "").json();
    let hash = newest["result"]["hash"].as_str().unwrap().parse().unwrap();
    let token = get("/api/collection").json()["token"].as_str().unwrap().parse().unwrap();
    let verdict = LightVerifier::new(&store).run(&roots[0], token, &Anchor::Hash(hash));
    assert!(verdict.passed, "{verdict:#?}");
    assert_eq!(verdict.tokens[0].token_id, 3);
    assert_eq!(get("/api/tokens/99999/evidence.car").error().0, 404);
}

#[test]
fn paths_lead_to_files_with_safe_types() {
    let root = get("/api/collection").json()["directory"].as_str().unwrap().to_string();
    let file = get(&format!("/ipfs/{root}/1.json"));
    assert_eq!((file.status, &file.headers["content-type"][..]), (200, "application/json"));
    assert_eq!(file.body, get("/tokens/1.json").body);
    assert!(file.headers["content-security-policy"].starts_with("sandbox; default-src 'none'"));
    assert_eq!(file.headers["x-ipfs-path"], format!("/ipfs/{root}/1.json"));
    let metadata = file.json();
    let image = metadata["image"].as_str().unwrap().strip_prefix("ipfs://").unwrap().to_string();
    let png = get(&format!("/ipfs/{image}"));
    assert_eq!((&png.headers["content-type"][..], png.body), ("image/png", get("/tokens/1.png").body));
    let raw = get(&format!("/ipfs/{root}/1.json?format=raw"));
    assert_eq!(raw.headers["etag"], format!("\"{}.raw\"", get("/api/tokens/1").json()["metadata"].as_str().unwrap()));
    let listing = get(&format!("/ipfs/{root}/")).json();
    assert!(listing["entries"].as_array().unwrap().iter().any(|entry| entry["name"] == "1.json"));
    let receipt = get("/api/tokens/1").json()["receipt"].as_str().unwrap().to_string();
    let record = get(&format!("/ipfs/{receipt}"));
    assert_eq!(record.headers["content-type"], "application/vnd.ipld.dag-cbor");
    assert_eq!(Digest::sha256(&record.body).to_cid(Codec::DagCbor).to_string(), receipt);
    for path in ["nothing.json", "1.json/below", "%F0%9F%8E%88", "../1.json", "1.json%00"] {
        assert_eq!(get(&format!("/ipfs/{root}/{path}")).error().0, 404, "{path}");
    }
}

#[test]
fn the_chain_is_asked_and_strangers_only_read() {
    let chain_id = r#"{"jsonrpc":"2.0","id":1,"method":"eth_chainId","params":[]}"#;
    let answer = post("/rpc", chain_id, "");
    assert_eq!(answer.json()["result"], "0x7a69");
    assert_eq!(answer.headers["access-control-allow-origin"], "*");
    assert_eq!(post("/rpc", "not json", "").json()["error"]["code"], -32700);
    let mine = r#"{"jsonrpc":"2.0","id":1,"method":"evm_mine","params":[]}"#;
    assert_eq!(post("/rpc", mine, "").json()["error"]["code"], -32601);
    let note = r#"{"jsonrpc":"2.0","method":"eth_chainId","params":[]}"#;
    assert_eq!(post("/rpc", note, "").status, 204);
    let stranger = "origin: https://example.org\r\n";
    assert_eq!(post("/rpc", chain_id, stranger).json()["result"], "0x7a69");
    let raw = r#"{"jsonrpc":"2.0","id":1,"method":"eth_sendRawTransaction","params":["0x00"]}"#;
    assert_eq!(post("/rpc", raw, stranger).error().0, 403);
    assert!(post("/rpc", raw, "").json()["error"]["code"].is_number());
    assert_eq!(post("/rpc", &" ".repeat((1 << 20) + 1), "").error().0, 413);
    assert_eq!(get("/rpc").error().0, 405);
    let preflight = ask("OPTIONS", "/rpc", "origin: https://example.org\r\naccess-control-request-method: POST\r\n");
    assert_eq!((preflight.status, &preflight.headers["access-control-allow-methods"][..]), (204, "POST"));
}

type Socket = tungstenite::WebSocket<TcpStream>;

fn connect(address: SocketAddr, origin: Option<&str>) -> Result<Socket, u16> {
    let mut request = tungstenite::client::IntoClientRequest::into_client_request("ws://localhost/rpc").unwrap();
    if let Some(origin) = origin {
        request.headers_mut().insert("origin", origin.parse().unwrap());
    }
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    match tungstenite::client(request, stream) {
        Ok((socket, _)) => Ok(socket),
        Err(tungstenite::HandshakeError::Failure(tungstenite::Error::Http(answer))) => Err(answer.status().as_u16()),
        Err(error) => panic!("{error}"),
    }
}

fn call(socket: &mut Socket, method: &str, params: Value) -> Value {
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
    socket.send(body.to_string().into()).unwrap();
    read(socket)
}

fn read(socket: &mut Socket) -> Value {
    loop {
        match socket.read().unwrap() {
            tungstenite::Message::Text(text) => return serde_json::from_str(&text).unwrap(),
            tungstenite::Message::Ping(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// The code and the reason with which the server ends a connection.
fn ending(socket: &mut Socket) -> (u16, String) {
    loop {
        match socket.read().unwrap() {
            tungstenite::Message::Close(Some(frame)) => return (frame.code.into(), frame.reason.to_string()),
            tungstenite::Message::Close(None) => panic!("no reason"),
            _ => {}
        }
    }
}

/// A transaction of the chain's sixth account, whose key is public.
fn payment(nonce: u64) -> String {
    use alloy_consensus::{SignableTransaction, TxEip1559, TxEnvelope};
    use alloy_eips::eip2718::Encodable2718;
    let transaction = TxEip1559 {
        chain_id: 31337,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: 10_000_000_000,
        to: alloy_primitives::TxKind::Call(Default::default()),
        ..TxEip1559::default()
    };
    let signature = enliven_chain::Key::dev(5).unwrap().sign_hash(transaction.signature_hash()).unwrap();
    alloy_primitives::hex::encode_prefixed(TxEnvelope::from(transaction.into_signed(signature)).encoded_2718())
}

#[test]
fn the_chain_is_followed_over_a_websocket() {
    let mut socket = connect(server(), None).unwrap();
    assert_eq!(call(&mut socket, "eth_chainId", json!([]))["result"], "0x7a69");
    let heads = call(&mut socket, "eth_subscribe", json!(["newHeads"]))["result"].clone();
    let before = call(&mut socket, "eth_blockNumber", json!([]))["result"].clone();
    let before = u64::from_str_radix(before.as_str().unwrap().trim_start_matches("0x"), 16).unwrap();
    // Another client sends, over HTTP; what it signed with a public key is taken, as from anybody.
    let body = json!({ "id": 1, "method": "eth_sendRawTransaction", "params": [payment(0)] }).to_string();
    assert!(post("/rpc", &body, "").json()["result"].is_string());
    let told = read(&mut socket);
    assert_eq!((&told["method"], &told["params"]["subscription"]), (&json!("eth_subscription"), &heads));
    assert_eq!(told["params"]["result"]["number"], json!(format!("0x{:x}", before + 1)));
    assert_eq!(call(&mut socket, "eth_unsubscribe", json!([heads]))["result"], true);
    // What only tests need is not there, and the chain signs for nobody.
    for method in ["evm_mine", "evm_snapshot", "evm_revert", "eth_sendTransaction", "eth_sign", "personal_sign"] {
        assert_eq!(call(&mut socket, method, json!([]))["error"]["code"], -32601, "{method}");
    }
    assert_eq!(call(&mut socket, "eth_accounts", json!([]))["result"], json!([]));
    socket.send("not json".into()).unwrap();
    assert_eq!(read(&mut socket)["error"]["code"], -32700);
    // A message that is too long ends the connection, with the reason.
    let _ = socket.send(" ".repeat((1 << 20) + 1).into());
    let (code, reason) = ending(&mut socket);
    assert!(code == 1009 && reason.contains("1048576"), "{code} {reason}");
}

#[test]
fn pages_elsewhere_only_read_over_a_websocket() {
    let mut socket = connect(server(), Some("https://example.org")).unwrap();
    assert_eq!(call(&mut socket, "eth_chainId", json!([]))["result"], "0x7a69");
    assert!(call(&mut socket, "eth_subscribe", json!(["newHeads"]))["result"].is_string());
    let refused = call(&mut socket, "eth_sendRawTransaction", json!([payment(7)]));
    assert!(refused["error"]["message"].as_str().unwrap().contains("another origin"), "{refused}");
    let mut own = connect(server(), Some("http://localhost:3000")).unwrap();
    // An early one waits for those before it.
    assert!(call(&mut own, "eth_sendRawTransaction", json!([payment(7)]))["result"].is_string());
}

#[test]
fn slow_readers_are_let_go() {
    let state = common::collection(&common::SMALL);
    let chain = state.chain.clone().unwrap();
    let address = start(state);
    let mine = |count: u64| enliven_chain::Rpc::request(&*chain, "anvil_mine", json!([count])).unwrap();
    // One that is too far behind is told so.
    let mut socket = connect(address, None).unwrap();
    call(&mut socket, "eth_subscribe", json!(["newHeads"]));
    mine(4_200);
    let (code, reason) = ending(&mut socket);
    assert!(code == 1013 && reason.contains("too slow: 42"), "{code} {reason}");
    // One that reads nothing holds up nobody, and is dropped when its buffers are full: of 64 MB it gets
    // a part.
    let mut socket = connect(address, None).unwrap();
    for _ in 0..32 {
        call(&mut socket, "eth_subscribe", json!(["newHeads"]));
    }
    mine(1_200);
    let mut other = connect(address, None).unwrap();
    assert_eq!(call(&mut other, "eth_chainId", json!([]))["result"], "0x7a69");
    std::thread::sleep(Duration::from_secs(12));
    let mut count = 0;
    while let Ok(tungstenite::Message::Text(_)) = socket.read() {
        count += 1;
    }
    assert!(count < 32 * 1_200, "{count}");
    mine(1);
    assert_eq!(call(&mut other, "eth_chainId", json!([]))["result"], "0x7a69");
}

#[test]
fn websockets_are_counted_and_closed_at_the_end() {
    let server =
        Server::bind(ServerConfig { listen: "127.0.0.1:0".parse().unwrap() }, common::collection(&common::SMALL))
            .unwrap();
    let address = server.address();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(server.run(stopped)).unwrap();
    });
    let mut sockets: Vec<Socket> = (0..64).map(|_| connect(address, None).unwrap()).collect();
    assert_eq!(connect(address, None).err(), Some(503));
    drop(sockets.pop());
    let mut again = connect(address, None);
    for _ in 0..100 {
        if again.is_ok() {
            break;
        }
        std::thread::sleep(Duration::from_millis(20));
        again = connect(address, None);
    }
    sockets.push(again.unwrap());
    stop.send(()).unwrap();
    for socket in &mut sockets {
        assert_eq!(ending(socket), (1001, "the server stops".to_string()));
    }
    running.join().unwrap();
}

#[test]
fn other_hosts_and_methods_are_refused() {
    for host in ["example.org", "localhost.example.org", "10.0.0.1", "a@localhost", ""] {
        let text = format!("GET /api/collection HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        assert_eq!(send(server(), text.as_bytes()).error().0, 403, "{host}");
    }
    for host in ["127.0.0.1:1234", "localhost", "[::1]:80"] {
        let text = format!("GET /health HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n");
        assert_eq!(send(server(), text.as_bytes()).json()["status"], "ok", "{host}");
    }
    let two = "GET /health HTTP/1.1\r\nhost: localhost\r\nhost: example.org\r\nconnection: close\r\n\r\n";
    assert!([400, 403].contains(&send(server(), two.as_bytes()).status));
    let absolute = "GET http://example.org/health HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    assert_eq!(send(server(), absolute.as_bytes()).error().0, 403);
    let none = "GET /health HTTP/1.0\r\n\r\n";
    assert_eq!(send(server(), none.as_bytes()).error().0, 403);
    assert_eq!(get("/nothing/here").error().0, 404);
    assert_eq!(ask("DELETE", "/api/tokens", "").error().0, 405);
    assert_eq!(post("/api/tokens", "{}", "").error().0, 405);
    assert_eq!(ask("HEAD", "/api/collection", "").status, 200);
    assert!(get("/").headers.keys().all(|name| name != "access-control-allow-origin"));
}

#[test]
fn a_collection_without_epochs_or_chain_is_shown_as_it_is() {
    let address = start(common::empty());
    let get = |path: &str| send(address, format!("GET {path} HTTP/1.0\r\nhost: localhost\r\n\r\n").as_bytes());
    let shown = get("/api/collection").json();
    assert_eq!((&shown["epochs"], &shown["last_epoch"], &shown["rpc"]), (&json!(0), &Value::Null, &Value::Null));
    assert_eq!(get("/api/tokens").json(), json!({ "total": 0, "tokens": [] }));
    assert_eq!(get("/api/epochs").json()["epochs"], json!([]));
    assert_eq!(get("/api/tokens/1").error().0, 404);
    let text = "POST /rpc HTTP/1.0\r\nhost: localhost\r\ncontent-length: 2\r\n\r\n{}";
    assert_eq!(send(address, text.as_bytes()).error().0, 404);
}

#[test]
fn a_port_in_use_is_named_with_a_hint() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let listen = taken.local_addr().unwrap();
    let error = Server::bind(ServerConfig { listen }, common::empty()).err().unwrap();
    assert!(matches!(error, ServerError::InUse { .. }));
    let text = error.to_string();
    assert!(text.contains(&listen.to_string()) && text.contains("hint: "), "{text}");
    let elsewhere = ServerConfig { listen: "192.0.2.1:0".parse().unwrap() };
    assert!(Server::bind(elsewhere, common::empty()).err().unwrap().to_string().contains("hint: "));
}

#[test]
fn requests_under_way_are_answered_before_the_end() {
    let server = Server::bind(ServerConfig { listen: "127.0.0.1:0".parse().unwrap() }, common::empty()).unwrap();
    let address = server.address();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
        runtime.block_on(server.run(stopped)).unwrap();
    });
    let mut idle = TcpStream::connect(address).unwrap();
    idle.write_all(b"GET /health HTTP/1.1\r\nhost: localhost\r\n\r\n").unwrap();
    let mut start = [0; 15];
    idle.read_exact(&mut start).unwrap();
    assert_eq!(&start, b"HTTP/1.1 200 OK");
    stop.send(()).unwrap();
    running.join().unwrap();
    assert!(TcpStream::connect(address).is_err());
}
