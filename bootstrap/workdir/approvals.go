// SPDX-License-Identifier: Apache-2.0

package workdir

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"
)

// ApprovalsDir holds one file for each approval. Unlike the rest it is written by programs that do not hold the lock: it
// is how a person's word reaches a program that does.
const ApprovalsDir = "approvals"

// Kinds of approvals.
const (
	// ApproveNode is for a node's name, with the fingerprint that its console shows.
	ApproveNode = "node"
	// ApproveMachine is for a machine's hardware address.
	ApproveMachine = "machine"
	// ApproveReinstall is for a node's name: it boots from the network although it is installed.
	ApproveReinstall = "reinstall"
)

// Approval is a person's word about one machine. The last one of a kind and name holds.
type Approval struct {
	Kind string `json:"kind"` // a word of a-z
	Name string `json:"name"` // whom it is for: a-z, A-Z, 0-9 and "-:."; it begins with a letter or digit
	// Value is what was approved; what it means is up to the kind. One line, may be empty.
	Value string `json:"value,omitempty"`
}

const (
	maxApprovalValue = 256
	maxApprovalFile  = 4 << 10
	// maxApprovals is more than a site has machines.
	maxApprovals = 10_000
)

// BadApprovalError says that an approval cannot be kept.
type BadApprovalError struct{ What, Value, Rule string }

func (e *BadApprovalError) Error() string {
	return fmt.Sprintf("approval: %s %q: %s", e.What, e.Value, e.Rule)
}

// NoWorkDirError says that an approval was to be left in a directory where nobody would look for it.
type NoWorkDirError struct{ Path string }

func (e *NoWorkDirError) Error() string {
	return fmt.Sprintf("there is no work directory %s", e.Path)
}

// Hint says how to find the right one.
func (e *NoWorkDirError) Hint() string {
	return "start up first, which makes it, or name the --work-dir that up was started with"
}

// Approve leaves an approval in a work directory, for the program that works there: it takes no lock, may be called while
// another program holds it, and may be called again.
func Approve(path string, a Approval) error {
	if err := a.check(); err != nil {
		return err
	}
	if info, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) || err == nil && !info.IsDir() {
		return &NoWorkDirError{Path: path}
	}
	dir := filepath.Join(path, ApprovalsDir)
	if err := os.Mkdir(dir, dirMode); err != nil && !errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("make the directory of approvals: %w", err)
	}
	data, err := json.Marshal(a)
	if err != nil {
		return fmt.Errorf("encode an approval: %w", err)
	}
	return Replace(filepath.Join(dir, a.file()), append(data, '\n'))
}

// Withdraw takes an approval back. One that is not there is no error.
func Withdraw(path, kind, name string) error {
	a := Approval{Kind: kind, Name: name}
	if err := a.check(); err != nil {
		return err
	}
	dir := filepath.Join(path, ApprovalsDir)
	if err := os.Remove(filepath.Join(dir, a.file())); errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return fmt.Errorf("withdraw an approval: %w", err)
	}
	return syncDir(dir)
}

// ApprovalsChanged is when an approval was last left or withdrawn, as exactly as the file system tells. Zero: never, or it
// can't be told.
func (d *Dir) ApprovalsChanged() time.Time {
	info, err := os.Stat(d.Path(ApprovalsDir))
	if err != nil {
		return time.Time{}
	}
	return info.ModTime()
}

// Approvals are all that were left, by kind and name. A file that is none is an error beside the others: one of them
// must not hide the rest.
func (d *Dir) Approvals() ([]Approval, error) {
	root, err := os.OpenRoot(d.Path(ApprovalsDir))
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("open the directory of approvals: %w", err)
	}
	defer root.Close()
	entries, err := fs.ReadDir(root.FS(), ".")
	if err != nil {
		return nil, fmt.Errorf("read the directory of approvals: %w", err)
	}
	if len(entries) > maxApprovals {
		return nil, fmt.Errorf("%s holds %d files: more than can be right", d.Path(ApprovalsDir), len(entries))
	}
	var out []Approval
	var errs []error
	for _, entry := range entries {
		if strings.HasPrefix(entry.Name(), ".") {
			continue // about to be written, or left by a program that was killed; it holds no secret
		}
		a, err := readApproval(root, entry.Name())
		if err != nil {
			errs = append(errs, fmt.Errorf("approval %s: %w", filepath.Join(d.Path(ApprovalsDir), entry.Name()), err))
			continue
		}
		out = append(out, a)
	}
	slices.SortFunc(out, func(a, b Approval) int { return cmp.Or(cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name)) })
	return out, errors.Join(errs...)
}

func readApproval(root *os.Root, name string) (Approval, error) {
	info, err := root.Lstat(name)
	if err != nil {
		return Approval{}, err
	}
	if !info.Mode().IsRegular() { // a pipe would be read for ever
		return Approval{}, errors.New("not a file")
	}
	file, err := root.Open(name)
	if err != nil {
		return Approval{}, err
	}
	defer file.Close()
	data, err := io.ReadAll(io.LimitReader(file, maxApprovalFile))
	if err != nil {
		return Approval{}, err
	}
	return parseApproval(name, data)
}

// parseApproval reads the content of the file of a name.
func parseApproval(name string, data []byte) (Approval, error) {
	decoder := json.NewDecoder(bytes.NewReader(data))
	decoder.DisallowUnknownFields()
	var a Approval
	if err := decoder.Decode(&a); err != nil {
		return Approval{}, err
	}
	if err := a.check(); err != nil {
		return Approval{}, err
	}
	if a.file() != name {
		return Approval{}, fmt.Errorf("it is one for %s %s", a.Kind, a.Name)
	}
	return a, nil
}

// file is the name of the approval's file: node.cp1, machine.52:54:00:12:34:56. A kind has no dot, so it is unambiguous.
func (a Approval) file() string { return a.Kind + "." + a.Name }

// check keeps kind and name from leaving the directory, and everything from growing.
func (a Approval) check() error {
	if !regexp.MustCompile(`^[a-z]{1,32}$`).MatchString(a.Kind) {
		return &BadApprovalError{What: "kind", Value: a.Kind, Rule: "must be a word of a-z"}
	}
	if !regexp.MustCompile(`^[a-zA-Z0-9][a-zA-Z0-9.:-]{0,127}$`).MatchString(a.Name) {
		return &BadApprovalError{What: "name", Value: a.Name, Rule: "must be letters, digits and -:. (at most 128)"}
	}
	if len(a.Value) > maxApprovalValue || strings.ContainsFunc(a.Value, func(r rune) bool { return !unicode.IsPrint(r) }) {
		return &BadApprovalError{What: "value", Value: a.Value, Rule: fmt.Sprintf("must be one line of at most %d bytes", maxApprovalValue)}
	}
	return nil
}
