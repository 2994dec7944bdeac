// SPDX-License-Identifier: Apache-2.0

package assets

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
)

// Largest sizes accepted. Talos 1.13 without extensions: kernel 21 MB, initramfs 80 MB; extensions add up to some
// hundred MB.
const (
	maxKernel    = 256 << 20
	maxInitramfs = 4 << 30
	maxCmdline   = 64 << 10
	maxAnswer    = 64 << 10 // of POST /schematics
)

// Factory says what to fetch from where.
type Factory struct {
	URL       string       // of the image factory, http or https
	Schematic []byte       // YAML, as it is POSTed
	ID        string       // the schematic's id as computed without the factory: 64 hex digits
	Version   string       // of Talos: v1.13.9
	Arch      string       // empty: amd64, the only one so far
	Client    *http.Client // nil: http.DefaultClient, which honours the environment's proxy
}

// SchematicError says that the factory's id for a schematic is not the one computed here: the image it would build is
// not what the machine configs assume.
type SchematicError struct{ URL, Got, Want string }

func (e *SchematicError) Error() string {
	return fmt.Sprintf("image factory %s: schematic id is %.80q, computed here %q", e.URL, e.Got, e.Want)
}

// Hint says whom to suspect.
func (e *SchematicError) Hint() string {
	return "use a factory that knows this Talos version's schematic fields, or fill a directory by hand and give it with --assets-dir"
}

// Fetch returns the factory's assets from <cacheDir>/<id>/<version>, fetching what is not there. With everything there
// and intact the network is not used. A file is complete or absent, and a run that was killed goes on with the files it
// lacks. The error is a *ChecksumError when a cached file was changed or the factory now serves another one.
func Fetch(ctx context.Context, from Factory, cacheDir string) (Assets, error) {
	if from.Arch == "" {
		from.Arch = defaultArch
	}
	base, err := from.check()
	if err != nil {
		return Assets{}, err
	}
	dir := filepath.Join(cacheDir, from.ID, from.Version)
	recorded, err := readSums(dir)
	if err != nil {
		return Assets{}, err
	}
	want := namesFor(from.Arch)
	list, err := lacking(dir, want, recorded)
	if err != nil {
		return Assets{}, err
	}
	if len(list) > 0 {
		if err := from.fetch(ctx, base, dir, list, recorded); err != nil {
			return Assets{}, err
		}
	}
	return open(dir, want)
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
		return nil, fmt.Errorf("image factory: %w", err)
	case (base.Scheme != "http" && base.Scheme != "https") || base.Host == "":
		return nil, fmt.Errorf("image factory %q: want an http or https URL", f.URL)
	case !regexp.MustCompile(idPattern).MatchString(f.ID):
		return nil, fmt.Errorf("schematic id %q: want 64 hex digits", f.ID)
	case !regexp.MustCompile(versionPattern).MatchString(f.Version):
		return nil, fmt.Errorf("talos version %q: want v<major>.<minor>.<patch>", f.Version)
	case f.Arch != defaultArch:
		return nil, fmt.Errorf("architecture %q: only %s can be netbooted so far", f.Arch, defaultArch)
	}
	return base, nil
}

// download is one file to fetch.
type download struct {
	name string
	most int64 // bytes
}

// lacking lists the files that are not there with a recorded sum: one without was being fetched by a run that died.
func lacking(dir string, want names, recorded sums) ([]download, error) {
	all := []download{{want.kernel, maxKernel}, {want.initramfs, maxInitramfs}, {want.cmdline, maxCmdline}}
	var list []download
	for _, d := range all {
		found, err := recorded.check(dir, d.name)
		if err != nil {
			return nil, err
		}
		if found != intact {
			list = append(list, d)
		}
	}
	return list, nil
}

func (f Factory) fetch(ctx context.Context, base *url.URL, dir string, list []download, recorded sums) error {
	if err := f.register(ctx, base); err != nil {
		return err
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make asset cache: %w", err)
	}
	if err := removeUnfinished(dir); err != nil {
		return err
	}
	for _, d := range list {
		from := base.JoinPath("image", f.ID, f.Version, d.name)
		sum, err := f.save(ctx, from, filepath.Join(dir, d.name), d.most, recorded[d.name])
		if err != nil {
			return fmt.Errorf("fetch boot asset: %w", err)
		}
		recorded[d.name] = sum
		if err := recorded.write(dir); err != nil {
			return err
		}
	}
	return nil
}

// register makes the schematic known to the factory, which otherwise answers 404 for its images. Doing so again is
// harmless: the id is a hash of the content.
func (f Factory) register(ctx context.Context, base *url.URL) error {
	at := base.JoinPath("schematics")
	request, err := http.NewRequestWithContext(ctx, http.MethodPost, at.String(), bytes.NewReader(f.Schematic))
	if err != nil {
		return fmt.Errorf("register schematic: %w", err)
	}
	request.Header.Set("Content-Type", "application/yaml")
	body, err := f.do(request)
	if err != nil {
		return fmt.Errorf("register schematic: %w", err)
	}
	defer body.Close() // read to the end or given up
	text, err := io.ReadAll(io.LimitReader(body, maxAnswer))
	if err != nil {
		return fmt.Errorf("register schematic at %s: %w", at.Redacted(), err)
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

// do sends a request and returns the body of a 2xx answer; the caller closes it.
func (f Factory) do(request *http.Request) (io.ReadCloser, error) {
	client := f.Client
	if client == nil {
		client = http.DefaultClient
	}
	response, err := client.Do(request) //nolint:gosec // G704: the operator names the factory, and check has seen the URL
	if err != nil {
		return nil, err
	}
	if response.StatusCode/100 != 2 {
		// A few words of the answer help; it is somebody else's text, so it is quoted and cut.
		text, _ := io.ReadAll(io.LimitReader(response.Body, 200))
		return nil, errors.Join(
			fmt.Errorf("%s %s: status %s: %q", request.Method, request.URL.Redacted(), response.Status, strings.TrimSpace(string(text))),
			response.Body.Close())
	}
	return response.Body, nil
}
