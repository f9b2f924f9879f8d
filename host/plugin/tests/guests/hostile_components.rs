//! Components made to hurt the host that checks and compiles them: refused, or stopped, and the host goes on.

use crate::common::{Run, agreeable, host_with, spec, start, version};
use cordboard_core::flow::{FlowEnd, RunEnd};
use cordboard_plugin::{Compiler, LoadError, LoadSpec, PluginHost, UploadError};

/// A number, as WebAssembly writes them.
fn leb(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let byte = (number & 0x7f) as u8;
        number >>= 7;
        if number == 0 {
            bytes.push(byte);
            return bytes;
        }
        bytes.push(byte | 0x80);
    }
}

fn section(id: u8, body: &[u8]) -> Vec<u8> {
    [&[id], leb(body.len()).as_slice(), body].concat()
}

/// So many of these, with their number before them.
fn many(count: usize, item: impl Fn(usize) -> Vec<u8>) -> Vec<u8> {
    let mut bytes = leb(count);
    (0..count).for_each(|number| bytes.extend(item(number)));
    bytes
}

fn string(text: &str) -> Vec<u8> {
    [leb(text.len()).as_slice(), text.as_bytes()].concat()
}

/// A flow as far as its outside goes, with something behind it.
fn flow_and(more: &[u8]) -> Vec<u8> {
    [&include_bytes!("../../fuzz/corpus/verify/good-flow")[..], more].concat()
}

fn with_module(sections: &[u8]) -> Vec<u8> {
    flow_and(&section(1, &[b"\0asm\x01\0\0\0", sections].concat()))
}

/// A module with functions of the type `() -> ()`, of these bodies.
fn with_functions(count: usize, body: &[u8]) -> Vec<u8> {
    let types = section(1, b"\x01\x60\0\0");
    let functions = section(3, &many(count, |_| vec![0]));
    let code = section(10, &many(count, |_| [leb(body.len()).as_slice(), body].concat()));
    with_module(&[types, functions, code].concat())
}

/// No locals, then this so often, then that so often, and the end.
fn nested(open: &[u8], close: &[u8], count: usize) -> Vec<u8> {
    [&[0], open.repeat(count).as_slice(), close.repeat(count).as_slice(), &[0x0b]].concat()
}

/// Takes the compiler minutes, since its time grows with the square of the depth.
pub(crate) fn bomb() -> Vec<u8> {
    with_functions(1, &nested(&[0x03, 0x40], &[0x0b], 100_000))
}

fn host() -> PluginHost {
    let program = env!("CARGO_BIN_EXE_cordboard-compile").into();
    host_with(|settings| settings.compiler = Compiler::Child { program, args: Vec::new() })
}

async fn load(host: &PluginHost, component: Vec<u8>) -> Result<(), LoadError> {
    let spec = LoadSpec { component: component.into(), ..spec("probe-flow", &[]) };
    host.load(version("hostile"), spec).await.map(drop)
}

/// Components that are refused before anything is compiled.
fn refused() -> Vec<(&'static str, Vec<u8>)> {
    let imports =
        |count| section(10, &many(count, |number| [vec![0], string(&format!("a:b/c{number}")), vec![5, 0]].concat()));
    let inside =
        |depth| (0..depth).fold(Vec::new(), |inner, _| section(4, &[b"\0asm\x0d\0\x01\0", inner.as_slice()].concat()));
    let types = |open: &[u8], count: usize| section(7, &[&[1], open.repeat(count).as_slice(), &[open[0], 0]].concat());
    vec![
        ("thousands of imports", flow_and(&imports(5_000))),
        ("more imports than it has bytes", flow_and(&section(10, &leb(1 << 31)))),
        ("components in components", flow_and(&inside(5_000))),
        ("side by side", flow_and(&section(4, b"\0asm\x0d\0\x01\0").repeat(5_000))),
        ("component types in component types", flow_and(&types(&[0x41, 1, 1], 200_000))),
        ("instance types in instance types", flow_and(&types(&[0x42, 1, 1], 200_000))),
        (
            "a type that doubles with each step",
            flow_and(&section(
                7,
                &many(60, |number| match number {
                    0 => vec![0x6f, 2, 0x79, 0x79],
                    _ => [vec![0x6f, 2], leb(number - 1), leb(number - 1)].concat(),
                }),
            )),
        ),
        (
            "a name of a megabyte",
            with_module(&section(2, &[vec![1], string(&"x".repeat(1 << 20)), vec![0, 0, 0]].concat())),
        ),
        ("a module with too many imports", with_module(&section(2, &many(200_000, |_| vec![0, 0, 3, 0x7f, 0])))),
        ("too many functions", with_functions(1_100_000, &[0, 0x0b])),
        ("a function of too many bytes", with_functions(1, &nested(&[0x01], &[], 9 << 20))),
        ("too many locals", with_functions(1, &[&[1][..], &leb(1 << 31), &[0x7f, 0x0b]].concat())),
        ("a section that claims to be larger than all", flow_and(&[&[1][..], &leb(u32::MAX as usize)].concat())),
    ]
}

/// Components that are sound, and go to the compiler. There is nothing behind what they export.
fn compiled() -> Vec<(&'static str, Vec<u8>)> {
    vec![
        ("blocks in blocks", with_functions(1, &nested(&[0x02, 0x40], &[0x0b], 5_000))),
        ("loops in loops", with_functions(1, &nested(&[0x03, 0x40], &[0x0b], 2_000))),
        ("conditions in conditions", with_functions(1, &nested(&[0x41, 0, 0x04, 0x40], &[0x0b], 5_000))),
        (
            "a deep sum",
            with_functions(1, &[&[0][..], &[0x41, 1].repeat(50_000), &[0x6a].repeat(49_999), &[0x1a, 0x0b]].concat()),
        ),
        ("thousands of functions", with_functions(5_000, &[0, 0x0b])),
        (
            "thousands of imports of a module",
            with_module(&section(
                2,
                &many(20_000, |number| [vec![0], string(&number.to_string()), vec![3, 0x7f, 0]].concat()),
            )),
        ),
        (
            "a segment of tens of megabytes",
            with_module(
                &[
                    section(5, &[1, 0, 1]),
                    section(11, &[&[1, 0, 0x41, 0, 0x0b], leb(60 << 20).as_slice(), &vec![7; 60 << 20]].concat()),
                ]
                .concat(),
            ),
        ),
        ("megabytes of nothing", flow_and(&section(0, &[string("x"), vec![0; 8 << 20]].concat()))),
    ]
}

#[tokio::test]
async fn what_is_out_of_bounds_is_refused_before_it_is_compiled() {
    let host = host();
    for (what, component) in refused() {
        match load(&host, component).await {
            Err(LoadError::Refused(error)) => assert!(error.to_string().len() < 4096, "{what}: {error}"),
            other => panic!("{what}: {other:?}"),
        }
    }
    assert!(host.loaded().is_empty());
}

#[tokio::test]
async fn what_is_deep_or_much_is_compiled_in_bounds_or_refused() {
    let host = host();
    for (what, component) in compiled() {
        match load(&host, component).await {
            // It was compiled: what is missing is what it exports.
            Err(LoadError::Contract(_)) => {}
            Err(LoadError::Compile(why)) => assert!(!why.is_empty(), "{what}"),
            other => panic!("{what}: {other:?}"),
        }
    }
    assert!(host.loaded().is_empty());
}

#[tokio::test]
async fn what_takes_for_ever_to_compile_is_stopped_and_the_next_one_is_served() {
    let program: std::path::PathBuf = env!("CARGO_BIN_EXE_cordboard-compile").into();
    let host = host_with(|settings| {
        settings.compiler = Compiler::Child { program, args: Vec::new() };
        settings.compile_timeout_ms = 5_000;
    });
    assert!(matches!(load(&host, bomb()).await, Err(LoadError::CompileTimeout { .. })));
    host.load(version("probe-flow"), spec("probe-flow", &[])).await.unwrap();
    let ran = Run::new(&host, version("probe-flow"), start("3", 1)).finish(agreeable).await;
    assert_eq!(ran.end, RunEnd::Returned(FlowEnd::Completed));
}

/// Two hundred instances of a component that wants an interface of thousands of functions: each is compared with it.
fn slow_to_validate() -> Vec<u8> {
    const FUNCTIONS: usize = 90_000;
    let name = |number: usize| {
        let digit = |shift: usize| char::from(b'a' + (number >> shift & 15) as u8);
        string(&[16, 12, 8, 4, 0].map(digit).iter().collect::<String>())
    };
    let export = |number| [&[4, 0], name(number).as_slice(), &[1, 0]].concat();
    let exports: Vec<u8> = (0..FUNCTIONS).flat_map(export).collect();
    let interface = [&[1, 0x42], leb(FUNCTIONS + 1).as_slice(), &[1, 0x40, 0, 1, 0], &exports].concat();
    let wanted = [section(7, &interface), section(10, &[1, 0, 1, b'x', 5, 0])].concat();
    let inner = section(4, &[b"\0asm\x0d\0\x01\0", wanted.as_slice()].concat());
    let instances = section(5, &many(990, |_| vec![0, 0, 1, 1, b'x', 5, 0]));
    flow_and(&section(4, &[b"\0asm\x0d\0\x01\0", wanted.as_slice(), &inner, &instances].concat()))
}

/// Many small types, each of them many times its size in a validator's memory.
fn large_to_validate() -> Vec<u8> {
    let types = section(7, &many(900_000, |_| vec![0x6f, 2, 0x79, 0x79]));
    flow_and(&section(4, &[b"\0asm\x0d\0\x01\0", types.as_slice()].concat()).repeat(5))
}

#[tokio::test]
async fn what_takes_for_ever_to_validate_is_stopped_and_the_next_one_is_served() {
    let program: std::path::PathBuf = env!("CARGO_BIN_EXE_cordboard-compile").into();
    let host = host_with(|settings| {
        settings.compiler = Compiler::Child { program, args: Vec::new() };
        (settings.compile_timeout_ms, settings.compile_memory_bytes) = (2_000, 256 << 20);
    });
    let slow = slow_to_validate();
    assert!(slow.len() < 2 << 20, "{} bytes", slow.len());
    assert!(matches!(host.verify(slow.clone().into()).await, Err(LoadError::CompileTimeout { .. })));
    assert!(matches!(load(&host, slow).await, Err(LoadError::CompileTimeout { .. })), "nor when it is loaded");
    let large = host_with(|settings| {
        let program = env!("CARGO_BIN_EXE_cordboard-compile").into();
        settings.compiler = Compiler::Child { program, args: Vec::new() };
        settings.compile_memory_bytes = 256 << 20;
    });
    assert!(matches!(large.verify(large_to_validate().into()).await, Err(LoadError::CompileLimit("memory"))));
    for host in [host, large] {
        let info = host.verify(crate::common::guest("probe-flow")).await.unwrap();
        assert_eq!(info.contract, "cordboard:flow@0.1.0");
        let half = crate::common::guest("probe-flow")[..5000].into();
        assert!(matches!(host.verify(half).await, Err(LoadError::Refused(UploadError::Malformed(_)))));
    }
}

#[tokio::test]
async fn too_large_is_refused_unread() {
    let host = host_with(|settings| settings.max_component_bytes = 1000);
    let error = load(&host, vec![0; 1001]).await.unwrap_err();
    assert!(matches!(error, LoadError::Refused(UploadError::TooLarge { bytes: 1001, max: 1000 })));
}
