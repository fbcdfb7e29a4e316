//! What a directory holds.

use std::collections::BTreeMap;

use enliven_content::{BlockStore, Link, list_directory};
use enliven_types::Cid;
use serde_json::json;

use crate::answer::ApiError;
use crate::gateway::Found;

/// The largest directory that is listed.
const MAX_ENTRIES: usize = 10_000;

/// As a page for browsers, as JSON for programs.
pub(crate) fn listing(
    blocks: &dyn BlockStore,
    root: &Cid,
    cid: &Cid,
    path: &str,
    html: bool,
) -> Result<Found, ApiError> {
    let entries = list_directory(blocks, cid, MAX_ENTRIES)?;
    let (kind, body) = if html {
        ("text/html; charset=utf-8", page(root, cid, path, &entries))
    } else {
        let entries: Vec<_> = entries
            .into_iter()
            .map(|(name, link)| json!({ "name": name, "cid": link.cid.to_string(), "size": link.size }))
            .collect();
        ("application/json", json!({ "cid": cid.to_string(), "entries": entries }).to_string())
    };
    // How a listing looks is up to this program, so it is not immutable.
    let (cache, tag, body) = ("no-cache", if html { ".page" } else { ".list" }, body.into_bytes());
    Ok(Found { kind, cache, tag, attachment: None, body })
}

/// A directory's page; everything in it that is not ours is escaped.
fn page(root: &Cid, cid: &Cid, path: &str, entries: &BTreeMap<String, Link>) -> String {
    let title = escape(&format!("/ipfs/{root}/{path}"));
    let base: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
    let address = |names: &[&str]| {
        let names: String = names.iter().map(|name| format!("/{}", percent(name))).collect();
        format!("/ipfs/{root}{names}")
    };
    let mut rows = String::new();
    if let Some((_, above)) = base.split_last() {
        rows.push_str(&format!("<tr><td><a href=\"{}/\">..</a><td><td>", address(above)));
    }
    for (name, link) in entries {
        let here = address(&[base.as_slice(), &[name.as_str()]].concat());
        let (name, linked, size) = (escape(name), link.cid, link.size);
        rows.push_str(&format!(
            "<tr><td><a href=\"{here}\">{name}</a><td class=n>{size}<td><a href=\"/ipfs/{linked}\"><code>{linked}</code></a>\n"
        ));
    }
    format!(
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content=\"width=device-width\">\
         <title>{title}</title><style>:root{{color-scheme:light dark}}body{{font:16px system-ui;margin:2rem}}\
         td{{padding:.2rem 1rem .2rem 0}}.n{{text-align:right}}code{{font-size:.8rem}}</style>\
         <h1>{title}</h1><p><code>{cid}</code>, {} entries<table>\n\
         <tr><th align=left>name<th>bytes below<th align=left>CID\n{rows}</table></html>\n",
        entries.len()
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

fn percent(name: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    name.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

#[cfg(test)]
mod tests {
    use enliven_types::Codec;

    use super::*;

    #[test]
    fn a_page_escapes_what_is_not_ours() {
        let cid = enliven_types::cid_of(Codec::Raw, b"");
        let entries = [("<b>\"&.json".to_string(), Link { cid, size: 1 })].into();
        let page = page(&cid, &cid, "a/<i>", &entries);
        assert!(page.contains("%3Cb%3E%22%26.json\">&lt;b&gt;&quot;&amp;.json</a>"), "{page}");
        assert!(!page.contains("<b>") && !page.contains("<i>"), "{page}");
        assert!(page.contains(&format!("<a href=\"/ipfs/{cid}/a/\">..</a>")), "{page}");
    }
}
