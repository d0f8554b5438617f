// Package wit_runtime has what the generated bindings need of memory and handles, in place of the package of
// go.bytecodealliance.org/pkg, so that building a check needs no Go proxy.
package wit_runtime

import (
	"runtime"
	"unsafe"
)

// Handle is one of a resource of the host's, until it is taken.
type Handle struct {
	value int32
}

// MakeHandle holds a handle.
func MakeHandle(value int32) *Handle { return &Handle{value} }

// Use is the handle, which must not have been taken.
func (handle *Handle) Use() int32 {
	if handle.value == 0 {
		panic("a resource was used after it was dropped")
	}
	return handle.value
}

// Take gives the handle away.
func (handle *Handle) Take() int32 {
	value := handle.Use()
	handle.value = 0
	return value
}

// TakeOrNil gives the handle away if it is there, else 0.
func (handle *Handle) TakeOrNil() int32 {
	value := handle.value
	handle.value = 0
	return value
}

// Set holds another handle.
func (handle *Handle) Set(value int32) { handle.value = value }

// Allocate gives pinned memory of at most eight bytes of alignment.
func Allocate(pinner *runtime.Pinner, size, align uintptr) unsafe.Pointer {
	if size == 0 {
		return nil
	}
	memory := unsafe.Pointer(unsafe.SliceData(make([]uint64, (size+7)/8)))
	pinner.Pin(memory)
	return memory
}

var pinner runtime.Pinner

// Unpin lets go of what cabi_realloc gave since the last call.
func Unpin() { pinner.Unpin() }

// Nothing may be imported while the host asks for memory, where the collector may set in: meanwhile Go's clocks stand
// still. The variable is put into the runtime by kit/overlay.sh.
//
//go:linkname hostAsks runtime.hostAsks
var hostAsks bool

//go:wasmexport cabi_realloc
func cabiRealloc(old unsafe.Pointer, oldSize, align, newSize uintptr) unsafe.Pointer {
	hostAsks = true
	memory := Allocate(&pinner, newSize, align)
	if oldSize > 0 {
		copy(unsafe.Slice((*byte)(memory), newSize), unsafe.Slice((*byte)(old), oldSize))
	}
	hostAsks = false
	return memory
}
