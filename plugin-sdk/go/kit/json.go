package kit

import (
	"encoding"
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
)

// decode reads JSON into a value, and refuses one that lacks a member which the type names: encoding/json leaves it
// empty, and a list that is not there would be a population of none. Optional members are pointers, or have omitempty or
// omitzero in their tag.
func decode(text []byte, to any) error {
	if err := json.Unmarshal(text, to); err != nil {
		return err
	}
	var found any
	if err := json.Unmarshal(text, &found); err != nil {
		return err
	}
	return present(reflect.TypeOf(to), found, "")
}

var (
	unmarshaler     = reflect.TypeFor[json.Unmarshaler]()
	textUnmarshaler = reflect.TypeFor[encoding.TextUnmarshaler]()
)

func present(wanted reflect.Type, found any, path string) error {
	for wanted.Kind() == reflect.Pointer {
		wanted = wanted.Elem()
	}
	if pointer := reflect.PointerTo(wanted); pointer.Implements(unmarshaler) || pointer.Implements(textUnmarshaler) {
		return nil
	}
	switch wanted.Kind() {
	case reflect.Slice, reflect.Array:
		items, _ := found.([]any)
		for at, item := range items {
			if err := present(wanted.Elem(), item, fmt.Sprintf("%s/%d", path, at)); err != nil {
				return err
			}
		}
	case reflect.Map:
		members, _ := found.(map[string]any)
		for name, member := range members {
			if err := present(wanted.Elem(), member, path+"/"+name); err != nil {
				return err
			}
		}
	case reflect.Struct:
		members, isObject := found.(map[string]any)
		if !isObject {
			return nil // null; anything else was refused
		}
		for at := range wanted.NumField() {
			if err := memberPresent(wanted.Field(at), members, path); err != nil {
				return err
			}
		}
	}
	return nil
}

func memberPresent(field reflect.StructField, members map[string]any, path string) error {
	name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
	if field.Anonymous && name == "" {
		return present(field.Type, members, path)
	}
	if !field.IsExported() || name == "-" {
		return nil
	}
	if name == "" {
		name = field.Name
	}
	member, ok := members[name]
	for other, value := range members {
		if !ok && strings.EqualFold(other, name) {
			member, ok = value, true
		}
	}
	if ok {
		return present(field.Type, member, path+"/"+name)
	}
	if field.Type.Kind() == reflect.Pointer || strings.Contains(options, "omitempty") || strings.Contains(options, "omitzero") {
		return nil
	}
	return fmt.Errorf("%s/%s is missing", path, name)
}
