// SPDX-License-Identifier: Apache-2.0

package assets

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"time"
)

// maxAnswer bounds the answer to POST /schematics, in bytes.
const maxAnswer = 64 << 10

// Factory says what to fetch from where.
type Factory struct {
	URL       string       // of the image factory, http or https; it may have user and password
	Schematic []byte       // YAML, as it is POSTed
	ID        string       // the schematic's id as computed without the factory: 64 hex digits
	Version   string       // of Talos: v1.13.9
	Client    *http.Client // nil: http.DefaultClient, which honours the environment's proxy
	// Progress is told the bytes that are there of a file and of all of it, 0 while unknown, from the goroutine that called
	// Fetch: when the file begins, at most once for each MiB, and when it is whole. Done goes back when a file has to be
	// begun anew. Nil: nobody is told.
	Progress func(name string, done, total int64)
	// Log gets what went wrong and is tried again. Nil: nothing is logged.
	Log *slog.Logger

	firstPause, stallTimeout time.Duration // for tests; 0: the constants of the same name
}

// Fetch returns the factory's assets from <cacheDir>/<id>/<version>, fetching what is not there. With everything there
// and intact the network is not used. A file is complete or absent; a download that was broken off, in this run or an
// earlier one, goes on where it stopped if the factory still has the same file. One program at a time fetches into a
// directory. The error is a *ChecksumError when a cached file was changed or the factory has another one than was recorded
// or pinned.
func Fetch(ctx context.Context, from Factory, want Want, cacheDir string) (Assets, error) {
	wanted, err := want.files()
	if err != nil {
		return Assets{}, err
	}
	base, err := from.check()
	if err != nil {
		return Assets{}, err
	}
	dir := filepath.Join(cacheDir, from.ID, from.Version)
	list, err := want.lacking(dir, wanted)
	if err != nil {
		return Assets{}, err
	}
	if len(list) > 0 {
		if err := from.fetch(ctx, base, dir, want, wanted); err != nil {
			return Assets{}, err
		}
	}
	found := Assets{Dir: dir, Sets: map[string]Set{}}
	for _, names := range wanted {
		set := Set{Kernel: names.kernel.name, Initramfs: names.initramfs.name, UKI: names.uki.name}
		if set.Cmdline, err = readCmdline(dir, names.cmdline); err != nil {
			return Assets{}, err
		}
		found.Sets[names.arch] = set
	}
	return found, nil
}

const (
	idPattern      = `^[0-9a-f]{64}$`
	versionPattern = `^v[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$`
)

// check refuses what would make a wrong path or URL.
func (f Factory) check() (*url.URL, error) {
	base, err := url.Parse(f.URL)
	switch {
	case err != nil:
		return nil, fmt.Errorf("image factory: not a URL: %w", err.(*url.Error).Err) //nolint:errorlint // Parse has no other; its text may hold a password
	case (base.Scheme != "http" && base.Scheme != "https") || base.Host == "":
		return nil, fmt.Errorf("image factory %q: want an http or https URL", base.Redacted())
	case !regexp.MustCompile(idPattern).MatchString(f.ID):
		return nil, fmt.Errorf("schematic id %q: want 64 hex digits", f.ID)
	case !regexp.MustCompile(versionPattern).MatchString(f.Version):
		return nil, fmt.Errorf("talos version %q: want v<major>.<minor>.<patch>", f.Version)
	}
	return base, nil
}

// lacking checks the files that are there and lists the others. One without a known sum is taken for absent: it was left
// by a run that died.
func (w Want) lacking(dir string, wanted []files) ([]file, error) {
	expected, err := w.expect(dir)
	if err != nil {
		return nil, err
	}
	var list []file
	for _, names := range wanted {
		for _, f := range names.all() {
			if _, known := expected[f.name]; !known {
				list = append(list, f)
				continue
			}
			switch err := expected.check(dir, f); {
			case errors.Is(err, fs.ErrNotExist):
				list = append(list, f)
			case err != nil:
				return nil, err
			}
		}
	}
	return list, nil
}

func (f Factory) fetch(ctx context.Context, base *url.URL, dir string, want Want, wanted []files) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return &CacheError{Dir: dir, Err: err}
	}
	held, err := lock(dir)
	if err != nil {
		return err
	}
	defer held.Close() // only held: nothing to lose
	if err := removeUnborn(dir); err != nil {
		return err
	}
	list, err := want.lacking(dir, wanted) // again: another program may have been at it
	if err != nil || len(list) == 0 {
		return err
	}
	if err := f.register(ctx, base); err != nil {
		return err
	}
	for _, file := range list {
		from := base.JoinPath("image", f.ID, f.Version, file.name)
		if err := f.download(ctx, from, dir, file, want); err != nil {
			return fmt.Errorf("fetch boot asset %s: %w", file.name, err)
		}
	}
	return nil
}

// register makes the schematic known to the factory, which otherwise answers 404 for its images. Doing so again is
// harmless: the id is a hash of the content.
func (f Factory) register(ctx context.Context, base *url.URL) error {
	at := base.JoinPath("schematics")
	var text []byte
	err := f.persist(ctx, "schematics", func() int64 { return 0 }, func() error {
		ctx, watch := f.watched(ctx)
		defer watch.stop()
		request, err := http.NewRequestWithContext(ctx, http.MethodPost, at.String(), bytes.NewReader(f.Schematic))
		if err != nil {
			return err
		}
		request.Header.Set("Content-Type", "application/yaml")
		response, err := f.do(request)
		if err != nil {
			return err
		}
		defer response.Body.Close() // read to the end or given up
		text, err = io.ReadAll(io.LimitReader(watch.reader(response.Body), maxAnswer))
		return passing(withCause(ctx, err))
	})
	if err != nil {
		return fmt.Errorf("register schematic: %w", err)
	}
	var answer struct {
		ID string `json:"id"`
	}
	if err := json.Unmarshal(text, &answer); err != nil {
		return fmt.Errorf("register schematic: answer of %s: %w", at.Redacted(), err)
	}
	if answer.ID != f.ID {
		return &SchematicError{URL: base.Redacted(), Got: answer.ID, Want: f.ID}
	}
	return nil
}

// do sends a request and returns a 2xx answer, whose body the caller closes. The error is an *AnswerError for another one.
func (f Factory) do(request *http.Request) (*http.Response, error) {
	client := f.Client
	if client == nil {
		client = http.DefaultClient
	}
	response, err := client.Do(request) //nolint:gosec // G704: the operator names the factory, and check has seen the URL
	if err != nil {
		return nil, passing(withCause(request.Context(), err))
	}
	isPage := strings.HasPrefix(response.Header.Get("Content-Type"), "text/html")
	if response.StatusCode/100 == 2 && !isPage {
		return response, nil
	}
	defer response.Body.Close() // given up
	// A few words of the answer help; it is somebody else's text, so it is quoted and cut.
	text, _ := io.ReadAll(io.LimitReader(response.Body, 200))
	wrong := &AnswerError{
		URL: request.URL.Redacted(), Code: response.StatusCode, Status: response.Status, Text: strings.TrimSpace(string(text)),
	}
	if isPassing(response.StatusCode) {
		return nil, passing(wrong)
	}
	return nil, wrong
}
