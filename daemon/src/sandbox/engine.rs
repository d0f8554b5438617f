//! The engine, its settings, and what all runs share.

use std::{
    collections::HashMap,
    path::PathBuf,
    sync::{Arc, Mutex, Weak},
};

use tokio::sync::Semaphore;
use wasmtime::{Config, Enabled, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig};

use super::{
    cache::CodeCache,
    compile::{CompileWhere, Compiler},
    component::call_bytes,
    error::SandboxError,
    host::Host,
    load::Linkers,
    memory::{MemoryTotal, Meter},
    plugin::Inner,
    watch::Ticker,
};
use crate::domain::Digest;

/// How the sandbox is set up.
#[derive(Debug, Clone)]
pub struct SandboxSettings {
    /// For compiled code; `None` compiles again at each start.
    pub cache_dir: Option<PathBuf>,
    /// Authenticates what lies in `cache_dir`; belongs to the state folder.
    pub cache_key: [u8; 32],
    /// Bytes of linear memory of all runs together.
    pub memory_total: u64,
    /// Plugins that run side by side; further ones wait.
    pub concurrency: u32,
    pub compile: CompileWhere,
}

impl Default for SandboxSettings {
    /// `[runner]`'s defaults, without a cache.
    fn default() -> Self {
        Self {
            cache_dir: None,
            cache_key: [0; 32],
            memory_total: 2 << 30,
            concurrency: 32,
            compile: CompileWhere::InProcess,
        }
    }
}

/// Loads plugins and runs them.
pub struct Sandbox {
    pub(super) engine: Engine,
    pub(super) linkers: Linkers,
    pub(super) ticker: Ticker,
    pub(super) memory: Arc<MemoryTotal>,
    pub(super) permits: Semaphore,
    pub(super) compiler: Compiler,
    pub(super) cache: Option<CodeCache>,
    /// Plugins that are in use, so that the same bytes are loaded once.
    pub(super) loaded: Mutex<HashMap<Digest, Weak<Inner>>>,
}

impl Sandbox {
    pub fn new(settings: SandboxSettings) -> Result<Arc<Self>, SandboxError> {
        let engine = engine(Some(settings.concurrency))?;
        let cache = match settings.cache_dir {
            Some(path) => Some(CodeCache::open(path, settings.cache_key, &engine)?),
            None => None,
        };
        Ok(Arc::new(Self {
            linkers: Linkers::new(&engine).map_err(|fault| SandboxError::Engine(format!("{fault:#}")))?,
            ticker: Ticker::start(engine.clone()).map_err(SandboxError::Ticker)?,
            memory: Arc::new(MemoryTotal::new(settings.memory_total)),
            permits: Semaphore::new(settings.concurrency as usize),
            compiler: Compiler::new(settings.compile),
            cache,
            loaded: Mutex::default(),
            engine,
        }))
    }

    /// Bytes of linear memory that all runs hold now.
    pub fn memory_used(&self) -> u64 {
        self.memory.used()
    }

    pub(super) fn store(&self, host: Host) -> wasmtime::Store<Host> {
        let call_bytes = call_bytes(host.report_bytes);
        let mut store = wasmtime::Store::new(&self.engine, host);
        store.set_hostcall_fuel(call_bytes);
        store.set_max_component_handles(Meter::HANDLES);
        store.limiter(|host| &mut host.meter);
        store.set_epoch_deadline(1);
        store.epoch_deadline_callback(|mut store| Ok(store.data_mut().slice_over()?));
        store
    }
}

impl std::fmt::Debug for Sandbox {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Sandbox").field("memory_used", &self.memory_used()).finish_non_exhaustive()
    }
}

/// Memories, tables and core instances of one plugin. CPython, split into its libraries, has 30 core instances, one
/// memory and one table; QuickJS with stubs in place of WASI has three memories.
const MEMORIES: u32 = 4;
const TABLES: u32 = 8;
const CORE_INSTANCES: u32 = 100;

/// An engine that runs plugins, or (without a number of slots) one that only compiles for it. Both must agree on
/// everything that shapes code.
pub(super) fn engine(slots: Option<u32>) -> Result<Engine, SandboxError> {
    let mut config = Config::new();
    config
        .wasm_component_model(true)
        .concurrency_support(false)
        .wasm_memory64(false)
        .wasm_relaxed_simd(true)
        .relaxed_simd_deterministic(true)
        .cranelift_nan_canonicalization(true)
        .cranelift_opt_level(OptLevel::Speed)
        .epoch_interruption(true)
        // Bounds are checked by the compiled code and not by guard pages: those make each run that grows its memory, and
        // each slot that is reset after it, change the daemon's page tables, for which all threads wait. It costs a
        // plugin some speed and the daemon no handler of signals; on two cores twice as many runs pass.
        .signals_based_traps(false)
        .memory_guard_size(0)
        .max_wasm_stack(1 << 20)
        .async_stack_size(2 << 20)
        // Traps are told by their code; addresses inside a plugin help nobody and cost space.
        .wasm_backtrace_max_frames(None)
        .generate_address_map(false);
    if let Some(slots) = slots {
        config.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(slots)));
    }
    Engine::new(&config).map_err(|fault| SandboxError::Engine(format!("{fault:#}")))
}

/// Slots for `runs` plugins side by side, and one that describes itself. What one plugin may take is what each slot
/// has, so that none can take another's.
fn pool(runs: u32) -> PoolingAllocationConfig {
    let slots = runs.saturating_add(1);
    let mut pool = PoolingAllocationConfig::new();
    pool.total_component_instances(slots)
        .total_core_instances(slots.saturating_mul(CORE_INSTANCES))
        .total_memories(slots.saturating_mul(MEMORIES))
        .total_tables(slots.saturating_mul(TABLES))
        .total_stacks(slots)
        .max_core_instances_per_component(CORE_INSTANCES)
        .max_memories_per_component(MEMORIES)
        .max_memories_per_module(MEMORIES)
        .max_tables_per_component(TABLES)
        .max_tables_per_module(TABLES)
        .max_core_instance_size(2 << 20)
        .max_component_instance_size(2 << 20)
        .table_elements(usize::try_from(Meter::TABLE_ELEMENTS).unwrap_or(usize::MAX))
        // The meter is the limit; a slot's reservation is address space, not memory.
        .max_memory_size(1 << 32)
        // Small plugins touch little: resetting it by copying is cheaper than giving pages back and faulting them in.
        .linear_memory_keep_resident(256 << 10)
        .table_keep_resident(16 << 10)
        // Where the kernel can tell which pages a run has touched (6.7), only those are reset.
        .pagemap_scan(Enabled::Auto);
    pool
}
