// SPDX-License-Identifier: Apache-2.0

package assets

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/google/renameio/v2"
)

// stallTimeout ends a download that brings nothing. The factory builds an image at its first request before it answers;
// minutes were seen for images with many extensions.
const stallTimeout = 5 * time.Minute

// errStalled is the cause of a download that was given up.
var errStalled = fmt.Errorf("no data for %s", stallTimeout)

// save downloads one file, at most most bytes, and puts it at path in one step. Want is the recorded sum, empty at the
// first fetch. It returns the file's SHA-256.
func (f Factory) save(ctx context.Context, from *url.URL, path string, most int64, want string) (string, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	stalled := time.AfterFunc(stallTimeout, func() { cancel(errStalled) })
	defer stalled.Stop()

	request, err := http.NewRequestWithContext(ctx, http.MethodGet, from.String(), nil)
	if err != nil {
		return "", err
	}
	body, err := f.do(request)
	if err != nil {
		return "", withCause(ctx, err)
	}
	defer body.Close() // read to the end or given up

	pending, err := renameio.NewPendingFile(path, renameio.WithTempDir(filepath.Dir(path)), renameio.WithStaticPermissions(0o600))
	if err != nil {
		return "", err
	}
	defer pending.Cleanup() //nolint:errcheck // removeUnfinished takes what is left
	hash := sha256.New()
	size, err := io.Copy(io.MultiWriter(pending, hash), io.LimitReader(&watched{body, stalled}, most+1))
	switch {
	case err != nil:
		return "", fmt.Errorf("download %s: %w", from.Redacted(), withCause(ctx, err))
	case size == 0 || size > most:
		return "", fmt.Errorf("download %s: %d bytes or more: want 1 to %d", from.Redacted(), size, most)
	}
	sum := hex.EncodeToString(hash.Sum(nil))
	if want != "" && sum != want {
		return "", &ChecksumError{Path: path, Got: sum, Want: want}
	}
	if err := pending.CloseAtomicallyReplace(); err != nil {
		return "", err
	}
	return sum, nil
}

// removeUnfinished removes what killed downloads left: renameio's temporary files, a dot before the file's name and digits
// behind it.
func removeUnfinished(dir string) error {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if strings.HasPrefix(e.Name(), ".") && strings.TrimRight(e.Name(), "0123456789") != e.Name() {
			if err := os.Remove(filepath.Join(dir, e.Name())); err != nil {
				return fmt.Errorf("remove an unfinished download: %w", err)
			}
		}
	}
	return nil
}

// watched puts off the end of a download with each read.
type watched struct {
	io.Reader
	timer *time.Timer
}

func (w *watched) Read(p []byte) (int, error) {
	w.timer.Reset(stallTimeout)
	return w.Reader.Read(p)
}

// withCause tells a stall from the caller's own cancellation.
func withCause(ctx context.Context, err error) error {
	if cause := context.Cause(ctx); cause != nil && !errors.Is(err, cause) {
		return fmt.Errorf("%w (%w)", cause, err)
	}
	return err
}
