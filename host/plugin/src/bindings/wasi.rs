//! The two WASI proposals every world has: configuration and logging.

#[allow(missing_docs, unreachable_pub, clippy::pedantic, clippy::unwrap_used, clippy::expect_used)]
mod generated {
    wasmtime::component::bindgen!({
        inline: "
            package cordboard:host-wasi;
            world imports {
                import wasi:config/store@0.2.0-rc.1;
                import wasi:logging/logging@0.1.0-draft;
            }
        ",
        path: ["../../wit/flow/0.1.0/deps/config.wit", "../../wit/flow/0.1.0/deps/logging.wit"],
        imports: { default: trappable },
    });
}

#[allow(unreachable_pub, reason = "generated code re-exports what it is given")]
pub use generated::wasi::{config, logging};

use crate::guest::Guest;
use cordboard_core::note::LogLevel;

impl<R: Send + 'static> config::store::Host for Guest<R> {
    fn get(&mut self, key: String) -> wasmtime::Result<Result<Option<String>, config::store::Error>> {
        Ok(Ok(self.config.iter().find(|(name, _)| *name == key).map(|(_, value)| value.clone())))
    }

    fn get_all(&mut self) -> wasmtime::Result<Result<Vec<(String, String)>, config::store::Error>> {
        Ok(Ok(self.config.to_vec()))
    }
}

impl<R: Send + 'static> logging::logging::Host for Guest<R> {
    fn log(&mut self, level: logging::logging::Level, context: String, message: String) -> wasmtime::Result<()> {
        use logging::logging::Level;
        let level = match level {
            Level::Trace => LogLevel::Trace,
            Level::Debug => LogLevel::Debug,
            Level::Info => LogLevel::Info,
            Level::Warn => LogLevel::Warn,
            Level::Error | Level::Critical => LogLevel::Error,
        };
        if context.is_empty() {
            self.log.line(level, &message);
        } else {
            self.log.line(level, &format!("{context}: {message}"));
        }
        Ok(())
    }
}
