//! The published JSON Schema is that of the types that scripts are read into.

use std::path::Path;

#[test]
fn the_published_schema_is_that_of_the_language() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/conversation.schema.json");
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        kept == cordboard_script::schema(),
        "{} is not what the language is: `cordboard flow schema > docs/conversation.schema.json` writes it",
        path.display()
    );
}

#[test]
fn the_schema_names_every_step_and_describes_it() {
    let schema = cordboard_script::schema();
    for word in ["presses", "hangs_up", "looked_up", "operator_sets", "within", "never", "queue_closes"] {
        assert!(schema.contains(&format!("\"{word}\"")), "{word}");
    }
    assert!(schema.contains("The caller does nothing until what is being said has ended."));
}
