//! HTTP: token JSON, images, history, receipts, the page.
