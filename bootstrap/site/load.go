// SPDX-License-Identifier: Apache-2.0

package site

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	kjson "sigs.k8s.io/json"
)

// maxSize bounds a site file. A node takes about 300 bytes, so this is room for ten thousand of them.
const maxSize = 4 << 20

// FileError says that a site file could not be read at all.
type FileError struct {
	Path string
	Err  error
}

func (e *FileError) Error() string { return fmt.Sprintf("read the site file %s: %v", e.Path, e.Err) }

// Unwrap returns the file system's error.
func (e *FileError) Unwrap() error { return e.Err }

// Hint names the next step.
func (e *FileError) Hint() string {
	if errors.Is(e.Err, fs.ErrNotExist) {
		return "name it with -f, or make one: cozy-install config init"
	}
	return "check the path and its permissions"
}

// Load reads the site file at path as [Parse] does. Its error is a *FileError or a *Problems.
func Load(path string) (*Site, error) {
	data, err := read(path)
	if err != nil {
		return nil, &FileError{Path: path, Err: err}
	}
	s, err := Parse(path, data)
	if err != nil {
		return nil, err
	}
	s.dir, s.file, s.text = filepath.Dir(path), path, data
	return s, nil
}

func read(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, errors.Unwrap(err) // FileError says the path
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxSize+1)) // Parse refuses what is larger
	if pathError := (*fs.PathError)(nil); errors.As(err, &pathError) {
		err = pathError.Err
	}
	return data, err
}

// File resolves a path written in the site file: a relative one starts at the site file's directory. "" stays "".
func (s *Site) File(path string) string {
	if path == "" || filepath.IsAbs(path) {
		return path
	}
	return filepath.Join(s.dir, path)
}

// Parse reads a site file strictly, fills in the defaults and checks every rule. The name is for messages.
//
// On an error there is no site, and the error is a *Problems with everything that is wrong.
func Parse(name string, data []byte) (*Site, error) {
	if len(data) > maxSize {
		return nil, &Problems{File: name, List: []Problem{{Rule: fmt.Sprintf("larger than %d MiB", maxSize>>20), Hint: templateHint}}}
	}
	d := readDocument(data)
	if d.root == nil {
		return nil, &Problems{File: name, List: d.problems}
	}
	if foreign := d.foreign(); foreign != nil {
		return nil, &Problems{File: name, List: foreign}
	}
	s, problems, err := d.site()
	if err != nil {
		return nil, err
	}
	if len(problems) > 0 {
		for i := range problems {
			if problems[i].Line == 0 {
				at := d.locate(problems[i].Path)
				problems[i].Line, problems[i].Column = at.line, at.column
			}
		}
		sortProblems(problems)
		return nil, &Problems{File: name, List: problems}
	}
	return s, nil
}

// foreign reports a document of another kind or version. Its other keys are not looked at: this version can't judge them.
func (d *document) foreign() []Problem {
	var problems []Problem
	for _, own := range []struct{ key, want string }{{"apiVersion", APIVersion}, {"kind", Kind}} {
		got, ok := d.root[own.key].(string)
		if ok && got != own.want {
			at := d.locate(own.key)
			problems = append(problems, Problem{
				Path: own.key, Value: show(got), Rule: "not " + own.want,
				Line: at.line, Column: at.column, Hint: "this version of cozy-install reads " + APIVersion + ", kind " + Kind,
			})
		}
	}
	return problems
}

// site decodes the document and collects the problems of all steps. The error is about this program, not about the file.
func (d *document) site() (*Site, []Problem, error) {
	found, err := checkStructure(d)
	if err != nil {
		return nil, nil, err
	}
	s, err := d.decode()
	if err != nil {
		return nil, nil, err
	}
	s.given = d.given
	s.normalise()
	SetDefaults(s)

	problems, broken := found.unreadable()
	// Rules are checked on what could be read. What could not be read is not also reported as missing.
	problems = append(problems, validate(s, broken)...)
	for _, problem := range problems {
		broken.add(problem.Path)
	}
	for _, finding := range found.findings {
		if !broken.touches(finding.Path) {
			problems = append(problems, finding)
		}
	}
	return s, problems, nil
}

// decode turns the document into a Site by its JSON names. Integers in free maps stay integers: as float64 they would
// reach a machine config as 1.048576e+06.
func (d *document) decode() (*Site, error) {
	data, err := json.Marshal(d.root)
	if err != nil {
		return nil, fmt.Errorf("encode the site file as JSON: %w", err)
	}
	s := new(Site)
	if err := kjson.UnmarshalCaseSensitivePreserveInts(data, s); err != nil {
		return nil, fmt.Errorf("decode the site file: %w", err)
	}
	return s, nil
}
