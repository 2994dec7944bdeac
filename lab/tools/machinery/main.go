// SPDX-License-Identifier: Apache-2.0

// Command machinery prints what one version of Talos's machinery can decode of machine configs: a line "KIND PATH" for each
// key, and a line "KIND" for each kind of document; the main document's kind is v1alpha1. Parts of a path are joined by
// dots: [] stands for every item of a list, * for any key of a map. The version is that of the -modfile it is run with.
//
// Usage: go run -modfile=go.1.12.mod . SOURCE, with the directory of that machinery's source. The registry of kinds is
// internal to machinery: names are taken from the source, and those count that its loader knows.
package main

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"

	"github.com/siderolabs/talos/pkg/machinery/config/config"
	"github.com/siderolabs/talos/pkg/machinery/config/configloader"
	"github.com/siderolabs/talos/pkg/machinery/config/types/v1alpha1"
	"gopkg.in/yaml.v3"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) != 1 {
		return errors.New("usage: machinery SOURCE")
	}
	names, err := candidates(args[0])
	if err != nil {
		return err
	}
	print("v1alpha1", &v1alpha1.Config{})
	for _, name := range names {
		if document := newDocument(name); document != nil {
			print(name, document)
		}
	}
	return nil
}

// candidates are the words in quotes that may be kinds, sorted.
func candidates(source string) ([]string, error) {
	word, found := regexp.MustCompile(`"([A-Z]\w+)"`), map[string]bool{}
	err := filepath.WalkDir(filepath.Join(source, "config", "types"), func(path string, _ fs.DirEntry, err error) error {
		if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") {
			return err
		}
		text, err := os.ReadFile(path)
		for _, match := range word.FindAllSubmatch(text, -1) {
			found[string(match[1])] = true
		}
		return err
	})
	return slices.Sorted(maps.Keys(found)), err
}

// newDocument is nil for what is no kind.
func newDocument(kind string) config.Document {
	provider, err := configloader.NewFromBytes([]byte("apiVersion: v1alpha1\nkind: " + kind + "\n"))
	if err != nil {
		return nil
	}
	return provider.Documents()[0]
}

func print(kind string, document config.Document) {
	fmt.Println(kind)
	for _, key := range keys(reflect.TypeOf(document), nil) {
		fmt.Println(kind, key)
	}
}

// keys lists the places below a type, as its decoder names them. A type is entered once on each way.
func keys(of reflect.Type, above []reflect.Type) []string {
	for of.Kind() == reflect.Pointer {
		of = of.Elem()
	}
	if slices.Contains(above, of) {
		return nil
	}
	above = append(slices.Clone(above), of)
	switch {
	case of.Kind() == reflect.Slice && of.Elem().Kind() != reflect.Uint8:
		return below("[]", of.Elem(), above)
	case of.Kind() == reflect.Map:
		return below("*", of.Elem(), above)
	case decodesItself(of):
		return probed(of)
	case of.Kind() != reflect.Struct:
		return nil
	}
	var found []string
	for _, field := range reflect.VisibleFields(of) {
		name, options, _ := strings.Cut(field.Tag.Get("yaml"), ",")
		switch {
		case name == "-" || !field.IsExported() || len(field.Index) > 1:
		case strings.Contains(options, "inline") || name == "" && field.Anonymous:
			found = append(found, keys(field.Type, above)...)
		case name == "":
			found = append(found, below(strings.ToLower(field.Name), field.Type, above)...)
		default:
			found = append(found, below(name, field.Type, above)...)
		}
	}
	slices.Sort(found)
	return found
}

func below(name string, of reflect.Type, above []reflect.Type) []string {
	found := []string{name}
	for _, key := range keys(of, above) {
		found = append(found, name+"."+key)
	}
	return found
}

// decodesItself is true for types with a method for it, whose fields say nothing.
func decodesItself(of reflect.Type) bool {
	pointer := reflect.PointerTo(of)
	_, ofYAML := pointer.MethodByName("UnmarshalYAML")
	_, ofText := pointer.MethodByName("UnmarshalText")
	return ofYAML || ofText
}

// probed asks such a type whether it also takes a list or a map.
func probed(of reflect.Type) []string {
	var found []string
	for name, sample := range map[string]string{"[]": `["a"]`, "*": `{a: "b"}`} {
		if yaml.Unmarshal([]byte(sample), reflect.New(of).Interface()) == nil {
			found = append(found, name)
		}
	}
	slices.Sort(found)
	return found
}
