//! Inspectors: what is remarkable in this talk, and how do the people in it feel?
//!
//! Implement [`Inspector`], export it with [`inspector!`](crate::inspector!). It names its rules once, then gets turns.

pub use bindings::cordboard::inspector::types::{
    ConfigureError, Emotion, Finding, InspectError, Inspection, Rule, Selection, Severity, Span, Speaker, Summary,
    Talk, Turn, Voice,
};

/// What wit-bindgen makes of the contract.
#[doc(hidden)]
pub mod bindings {
    #![allow(unsafe_code, reason = "generated: the component model's calling convention")]
    #![allow(clippy::all, clippy::panic, clippy::indexing_slicing, missing_docs, unreachable_pub, reason = "generated")]
    wit_bindgen::generate!({
        path: "../../wit/inspector/0.1.0",
        world: "inspector",
        generate_all,
        pub_export_macro: true,
        export_macro_name: "export_inspector",
        default_bindings_module: "cordboard_sdk::inspector::bindings",
    });
}

/// What reads the transcripts of talks. It is a function of its configuration and its input: nothing is kept from one call
/// to the next.
pub trait Inspector: Sized {
    /// Says which attributes it wants, and names its rules, emotions and parts; reads its configuration.
    ///
    /// # Errors
    /// An attribute it can't do without is missing, or the configuration is wrong.
    fn configure(offered: &[String]) -> Result<(Self, Selection), ConfigureError>;

    /// Inspects a talk in progress: the last turns, of which those from number `first_new` on are new.
    ///
    /// # Errors
    /// The talk then goes on without.
    fn inspect(&self, talk: &Talk, turns: &[Turn], first_new: u32) -> Result<Inspection, InspectError>;

    /// Sums up a talk that is over.
    ///
    /// # Errors
    /// The talk then has no summary.
    fn summarise(&self, talk: &Talk, turns: &[Turn], told: &[Finding]) -> Result<Summary, InspectError>;
}

impl Turn {
    /// Where a text occurs in what was said.
    pub fn find(&self, text: &str) -> Option<Span> {
        let start = u32::try_from(self.text.find(text)?).ok()?;
        Some(Span { start, end: start + u32::try_from(text.len()).ok()? })
    }
}

impl Finding {
    /// A finding about a turn as a whole, of full confidence.
    pub fn new(rule: &str, severity: Severity, turn: &Turn) -> Self {
        let (rule, turn) = (rule.to_owned(), turn.index);
        Self { rule, severity, turn, span: None, confidence: 1.0, note: None, prompt: None }
    }

    /// At this place of the turn's text.
    #[must_use]
    pub fn at(mut self, span: Span) -> Self {
        self.span = Some(span);
        self
    }

    /// What the agent could say or do now.
    #[must_use]
    pub fn prompting(mut self, prompt: impl Into<String>) -> Self {
        self.prompt = Some(prompt.into());
        self
    }
}

/// Exports a type that implements [`Inspector`](crate::inspector::Inspector) as the plugin. Once in a crate.
#[macro_export]
macro_rules! inspector {
    ($inspector:ty) => {
        #[cfg(target_arch = "wasm32")]
        const _: () = {
            use ::core::result::Result;
            use $crate::inspector::bindings::cordboard::inspector::types as t;
            ::std::thread_local! {
                static CONFIGURED: ::std::cell::RefCell<Option<$inspector>> = const { ::std::cell::RefCell::new(None) };
            }
            fn with<R>(ask: impl FnOnce(&$inspector) -> Result<R, t::InspectError>) -> Result<R, t::InspectError> {
                CONFIGURED.with_borrow(|it| match it {
                    Some(inspector) => ask(inspector),
                    None => Err(t::InspectError::Invalid("not configured".into())),
                })
            }
            struct Guest;
            impl $crate::inspector::bindings::exports::cordboard::inspector::guest::Guest for Guest {
                fn configure(offered: Vec<String>) -> Result<t::Selection, t::ConfigureError> {
                    let (inspector, selection) = <$inspector as $crate::inspector::Inspector>::configure(&offered)?;
                    CONFIGURED.set(Some(inspector));
                    Ok(selection)
                }
                fn inspect(
                    talk: t::Talk,
                    turns: Vec<t::Turn>,
                    first_new: u32,
                ) -> Result<t::Inspection, t::InspectError> {
                    with(|it| $crate::inspector::Inspector::inspect(it, &talk, &turns, first_new))
                }
                fn summarise(
                    talk: t::Talk,
                    turns: Vec<t::Turn>,
                    told: Vec<t::Finding>,
                ) -> Result<t::Summary, t::InspectError> {
                    with(|it| $crate::inspector::Inspector::summarise(it, &talk, &turns, &told))
                }
            }
    $crate::inspector::bindings::export_inspector!(Guest with_types_in $crate::inspector::bindings);
        };
        #[cfg(not(target_arch = "wasm32"))]
        const _: () = {
            fn is<I: $crate::inspector::Inspector>() {}
            let _: fn() = is::<$inspector>;
        };
    };
}
