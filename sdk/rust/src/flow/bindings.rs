//! What wit-bindgen makes of the flow contract.
#![allow(unsafe_code, reason = "generated: the component model's calling convention")]
#![allow(clippy::all, clippy::panic, clippy::indexing_slicing, missing_docs, unreachable_pub, reason = "generated")]

// The contract's version: this path, and nothing else in the crate.
wit_bindgen::generate!({
    path: "../../wit/flow/0.2.0",
    world: "flow",
    generate_all,
    pub_export_macro: true,
    export_macro_name: "export_flow",
    default_bindings_module: "cordboard_sdk::flow::bindings",
    additional_derives: [Clone, PartialEq],
});
