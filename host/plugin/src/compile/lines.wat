;; What `good-menu.wasm` is made of, with `wat`'s DWARF.
(component
  (core module)
  (core module $other (func $idle (param i32)))
  (core module $menu
    (func $choose (param i32)
      local.get 0
      i32.eqz
      if
        unreachable
      end)
    (func (export "run")
      i32.const 0
      call $choose)))
