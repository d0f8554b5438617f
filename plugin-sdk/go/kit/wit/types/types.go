// Package wit_types has the types that the generated bindings build on, in place of those of go.bytecodealliance.org/pkg,
// so that building a check needs no Go proxy.
package wit_types

// Tags of an Option.
const (
	OptionNone = 0
	OptionSome = 1
)

// Option is a value or none.
type Option[T any] struct {
	value *T
}

// None has no value.
func None[T any]() Option[T] { return Option[T]{} }

// Some has a value.
func Some[T any](value T) Option[T] { return Option[T]{&value} }

// Tag is OptionNone or OptionSome.
func (option Option[T]) Tag() uint8 {
	if option.value == nil {
		return OptionNone
	}
	return OptionSome
}

// Some is the value; without one it panics.
func (option Option[T]) Some() T { return *option.value }

// SomeOr is the value, or another one.
func (option Option[T]) SomeOr(other T) T {
	if option.value == nil {
		return other
	}
	return *option.value
}

// IsSome tells whether there is a value.
func (option Option[T]) IsSome() bool { return option.value != nil }

// IsNone tells whether there is none.
func (option Option[T]) IsNone() bool { return option.value == nil }

// Tags of a Result.
const (
	ResultOk  = 0
	ResultErr = 1
)

// Result is a value or an error.
type Result[T, E any] struct {
	ok  *T
	err *E
}

// Ok is a value.
func Ok[T, E any](value T) Result[T, E] { return Result[T, E]{ok: &value} }

// Err is an error.
func Err[T, E any](err E) Result[T, E] { return Result[T, E]{err: &err} }

// Tag is ResultOk or ResultErr.
func (result Result[T, E]) Tag() uint8 {
	if result.ok != nil {
		return ResultOk
	}
	return ResultErr
}

// Ok is the value; without one it panics.
func (result Result[T, E]) Ok() T { return *result.ok }

// Err is the error; without one it panics.
func (result Result[T, E]) Err() E { return *result.err }

// IsOk tells whether there is a value.
func (result Result[T, E]) IsOk() bool { return result.ok != nil }

// IsErr tells whether there is an error.
func (result Result[T, E]) IsErr() bool { return result.ok == nil }

// Tuple2 has two values.
type Tuple2[A, B any] struct {
	F0 A
	F1 B
}

// Unit is no value.
type Unit struct{}
