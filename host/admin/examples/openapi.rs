//! Writes the OpenAPI document to standard output: what `cargo xtask openapi` keeps in `host/admin/openapi.json`.

use std::io::Write as _;

fn main() -> std::io::Result<()> {
    std::io::stdout().write_all(cordboard_admin::openapi().as_bytes())
}
