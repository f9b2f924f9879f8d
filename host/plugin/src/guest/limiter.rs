//! Memory and tables of one store.

use crate::config::Limits;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use wasmtime::ResourceLimiter;

/// Refuses growth beyond the limits, and remembers that it did: what follows is usually a trap somewhere else.
#[derive(Debug)]
pub(crate) struct Limiter {
    max_memory_bytes: usize,
    max_table_elements: usize,
    max_tables: usize,
    max_core_instances: usize,
    memory_bytes: usize,
    /// The most so far; shared with whoever tells what a run used.
    peak_bytes: Arc<AtomicU64>,
    hit: Option<String>,
    /// What all stores of a kind hold together.
    total: Option<Arc<AtomicU64>>,
}

impl Limiter {
    pub(crate) fn new(limits: &Limits, peak_bytes: Arc<AtomicU64>) -> Self {
        Self {
            max_memory_bytes: usize::try_from(limits.max_memory_bytes).unwrap_or(usize::MAX),
            max_table_elements: limits.max_table_elements as usize,
            max_tables: limits.max_tables as usize,
            max_core_instances: limits.max_core_instances as usize,
            memory_bytes: 0,
            peak_bytes,
            hit: None,
            total: None,
        }
    }

    /// Counts what this store holds, until it goes.
    pub(crate) fn count_in(&mut self, total: Arc<AtomicU64>) {
        total.fetch_add(self.memory_bytes as u64, Relaxed);
        self.total = Some(total);
    }

    pub(crate) fn hit(&self) -> Option<&str> {
        self.hit.as_deref()
    }
}

impl Drop for Limiter {
    fn drop(&mut self) {
        if let Some(all) = &self.total {
            all.fetch_sub(self.memory_bytes as u64, Relaxed);
        }
    }
}

impl ResourceLimiter for Limiter {
    /// All memories of the store count together.
    fn memory_growing(&mut self, current: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let total = self.memory_bytes.saturating_sub(current).saturating_add(desired);
        if total > self.max_memory_bytes {
            self.hit = Some(format!("memory: {total} bytes wanted, {} allowed", self.max_memory_bytes));
            return Ok(false);
        }
        if let Some(all) = &self.total {
            all.fetch_add(total.saturating_sub(self.memory_bytes) as u64, Relaxed);
        }
        self.memory_bytes = total;
        self.peak_bytes.fetch_max(total as u64, Relaxed);
        Ok(true)
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        if desired > self.max_table_elements {
            self.hit = Some(format!("table: {desired} elements wanted, {} allowed", self.max_table_elements));
            return Ok(false);
        }
        Ok(true)
    }

    fn instances(&self) -> usize {
        self.max_core_instances
    }

    fn tables(&self) -> usize {
        self.max_tables
    }

    fn memories(&self) -> usize {
        crate::engine::MAX_MEMORIES as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memories_count_together_and_the_refusal_is_remembered() {
        let limits = Limits { max_memory_bytes: 100, max_table_elements: 10, ..Limits::default() };
        let peak = Arc::default();
        let mut limiter = Limiter::new(&limits, Arc::clone(&peak));
        assert!(limiter.memory_growing(0, 60, None).unwrap());
        assert!(limiter.memory_growing(0, 40, None).unwrap());
        assert_eq!(limiter.hit(), None);
        assert!(!limiter.memory_growing(60, 61, None).unwrap());
        assert!(limiter.hit().unwrap().contains("101 bytes wanted"));
        assert_eq!(peak.load(Relaxed), 100);
        assert!(!limiter.table_growing(0, 11, None).unwrap());
    }
}
