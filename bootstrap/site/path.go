// SPDX-License-Identifier: Apache-2.0

package site

import (
	"strconv"
	"strings"
)

// Paths name places in a site file: nodes[2].mac, registries.mirrors["docker.io"].

// join appends a key to a path.
func join(path, key string) string {
	switch {
	case key == "" || strings.IndexFunc(key, notPlain) >= 0:
		return path + "[" + strconv.Quote(key) + "]"
	case path == "":
		return key
	}
	return path + "." + key
}

// notPlain reports whether a character needs a key to be quoted in a path.
func notPlain(r rune) bool {
	return r != '-' && r != '_' && (r < '0' || r > '9') && (r < 'A' || r > 'Z') && (r < 'a' || r > 'z')
}

// above returns the path one step up, "" for a top-level key. Of a key in quotes that holds a dot it first returns
// pieces that name nothing, which is harmless where paths are only looked up.
func above(path string) string {
	return path[:max(strings.LastIndexByte(path, '.'), strings.LastIndexByte(path, '['), 0)]
}

// pathSet is a set of places in a file. nil is empty and can be asked, but not added to.
type pathSet struct {
	members   map[string]bool
	ancestors map[string]bool // of the members
}

func newPathSet() *pathSet {
	return &pathSet{members: map[string]bool{}, ancestors: map[string]bool{}}
}

// add adds a path. The file as a whole ("") is no place in it and is left out.
func (p *pathSet) add(path string) {
	if path == "" {
		return
	}
	p.members[path] = true
	for path = above(path); path != "" && !p.ancestors[path]; path = above(path) {
		p.ancestors[path] = true
	}
}

// has reports whether path is a member or lies below one.
func (p *pathSet) has(path string) bool {
	if p == nil {
		return false
	}
	for ; path != ""; path = above(path) {
		if p.members[path] {
			return true
		}
	}
	return false
}

// touches reports whether path is a member, lies below one or above one.
func (p *pathSet) touches(path string) bool {
	return p != nil && (p.ancestors[path] || p.has(path))
}

// locate finds the position of a path, or of the nearest thing above it that stands in the file.
func (d *document) locate(path string) position {
	for path != "" {
		if at, ok := d.at[path]; ok {
			return at
		}
		path = above(path)
	}
	return position{1, 1}
}
