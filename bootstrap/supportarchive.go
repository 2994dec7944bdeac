// SPDX-License-Identifier: Apache-2.0

package bootstrap

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"time"

	"github.com/google/renameio/v2"

	"github.com/cozystack/cozy-install/talos"
)

// maxBundle bounds all files of a bundle together, before they are compressed.
const maxBundle = 1 << 30

// PartState is what became of one part of a bundle.
type PartState string

// The states of a part.
const (
	PartWritten  PartState = "written"
	PartCut      PartState = "cut"      // there was more than is kept
	PartWithheld PartState = "withheld" // it is not there, not shown to us, or a secret
	PartFailed   PartState = "failed"
)

// SupportPart is one file of a bundle, or why it is missing.
type SupportPart struct {
	Path   string    `json:"path"`
	State  PartState `json:"state"`
	Bytes  int       `json:"bytes,omitempty"`
	Reason string    `json:"reason,omitempty"`
}

// supportArchive is a support bundle that is being written. Everything goes through the scrubber. Nothing has the file's name
// before finish. Safe for concurrent use.
type supportArchive struct {
	scrub *talos.Scrubber
	now   time.Time

	lock   sync.Mutex
	file   *renameio.PendingFile
	sealed io.WriteCloser // nil: not encrypted
	zip    *zip.Writer
	parts  []SupportPart
	taken  map[string]int
	total  int
	broken error // of writing
}

// newArchive begins a bundle, mode 0600, sealed to recipients if there are any.
func newArchive(name string, recipients []string, scrub *talos.Scrubber, now time.Time) (*supportArchive, error) {
	file, err := renameio.NewPendingFile(name, renameio.WithTempDir(filepath.Dir(name)),
		renameio.WithPermissions(0o600), renameio.WithStaticPermissions(0o600))
	if err != nil {
		return nil, fmt.Errorf("write the support bundle: %w", err)
	}
	a := &supportArchive{scrub: scrub, now: now, file: file, taken: map[string]int{}}
	var out io.Writer = file
	if len(recipients) > 0 {
		if a.sealed, err = talos.EncryptTo(file, recipients); err != nil {
			return nil, errors.Join(err, file.Cleanup())
		}
		out = a.sealed
	}
	a.zip = zip.NewWriter(out)
	return a, nil
}

// add puts a file into the bundle, or notes why it is missing: exactly one of data and reason says something.
func (a *supportArchive) add(part SupportPart, data []byte) {
	if data != nil {
		data = a.scrub.Scrub(data)
	}
	part.Reason = string(a.scrub.Scrub([]byte(part.Reason)))
	a.lock.Lock()
	defer a.lock.Unlock()
	part.Path = a.free(safePath(part.Path))
	if data != nil && a.total+len(data) > maxBundle {
		part.State, part.Reason, data = PartFailed, "the bundle has reached its limit", nil
	}
	if data != nil {
		part.Bytes = len(data)
		a.total += len(data)
		a.broken = errors.Join(a.broken, a.write(part.Path, data))
	}
	a.parts = append(a.parts, part)
}

func (a *supportArchive) write(name string, data []byte) error {
	w, err := a.zip.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Deflate, Modified: a.now})
	if err != nil {
		return err
	}
	_, err = w.Write(data)
	return err
}

// free gives a path that no file has yet: the library names logs of two containers of a pod alike.
func (a *supportArchive) free(name string) string {
	a.taken[name]++
	if n := a.taken[name]; n > 1 {
		ext := path.Ext(name)
		return fmt.Sprintf("%s-%d%s", strings.TrimSuffix(name, ext), n, ext)
	}
	return name
}

// unsafePath matches what a name from the network must not bring into a path: whoever unpacks the bundle writes it.
var unsafePath = regexp.MustCompile(`[^A-Za-z0-9._/-]`)

func safePath(name string) string {
	name = strings.TrimPrefix(path.Clean("/"+unsafePath.ReplaceAllString(name, "_")), "/")
	return name[:min(len(name), 200)]
}

// addBytes notes what one collector gave.
func (a *supportArchive) addBytes(name string, data []byte, err error) {
	switch {
	case err != nil:
		a.add(SupportPart{Path: name, State: PartFailed, Reason: err.Error()}, nil)
	default:
		a.add(SupportPart{Path: name, State: PartWritten}, append([]byte{}, data...))
	}
}

// addJSON notes a value that one collector gave.
func (a *supportArchive) addJSON(name string, value any, err error) {
	var out bytes.Buffer
	if err == nil {
		encoder := json.NewEncoder(&out)
		encoder.SetIndent("", "  ")
		err = encoder.Encode(value)
	}
	a.addBytes(name, out.Bytes(), err)
}

// finish writes the end and gives the bundle its name; a cancelled context or an error leaves no file.
func (a *supportArchive) finish(ctx context.Context) error {
	a.lock.Lock()
	defer a.lock.Unlock()
	err := errors.Join(context.Cause(ctx), a.broken, a.zip.Close())
	if a.sealed != nil {
		err = errors.Join(err, a.sealed.Close())
	}
	if err == nil {
		err = a.file.CloseAtomicallyReplace()
	}
	if err != nil {
		return errors.Join(fmt.Errorf("write the support bundle: %w", err), a.file.Cleanup())
	}
	return nil
}
