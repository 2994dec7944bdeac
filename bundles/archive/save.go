// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"sync"

	"github.com/dustin/go-humanize"
	v1 "github.com/google/go-containerregistry/pkg/v1"
	"golang.org/x/sync/errgroup"
)

// imagesAtOnce is how many images are read side by side. Registries answer more with 429.
const imagesAtOnce = 4

// Saving says what goes into an archive.
type Saving struct {
	// Contents names bundle, versions and platforms; what the archive then holds is written into it.
	Contents Contents
	Images   []WantedImage
	Made     []MadeImage
	Charts   []PackedChart
	Assets   []string // paths of files, whose names are all different
	// Missing is what the caller could not get. It is told with what can't be had here, and then nothing is written.
	Missing []error

	Cache string // a directory of ours alone: what is there already is not fetched again
	// Source is a registry that has all images under Image.Repository, as the bastion's has: harbor.example.org/mirror. Empty:
	// each image comes from its own.
	Source    string
	Allow     Exceptions
	Key       *Key              // nil: the archive is not signed
	Transport http.RoundTripper // nil: the real network, with the environment's proxy
	// Say is told in sentences how far it is. Nil: nobody listens. It is never called by two at once.
	Say func(string)
}

// WantedImage is an image to be pulled.
type WantedImage struct {
	Name string
	For  []string // who needs it, for messages
}

// MadeImage is an image that is made here, and in no registry.
type MadeImage struct {
	Name  string
	Index v1.ImageIndex
}

// Saved says what Save wrote.
type Saved struct {
	File     string   `json:"file"`
	Bytes    int64    `json:"bytes"`
	SHA256   string   `json:"sha256"` // of SHA256SUMS: who has it from a trusted place needs no signature
	Contents Contents `json:"contents"`
	// PublicKey checks the signature: ssh-ed25519 AAAA... Empty: the archive is not signed.
	PublicKey string `json:"publicKey,omitempty"`
}

// Save writes an archive beside its place and moves it there when it is whole. Everything that can't be had is told at once, as
// an *IncompleteError, and then nothing is written. An interrupted Save goes on with the images that it has.
func Save(ctx context.Context, s Saving, file string) (Saved, error) {
	if s.Say == nil {
		s.Say = func(string) {}
	}
	if err := CheckTarget(file); err != nil {
		return Saved{}, err
	}
	platforms, err := parsePlatforms(s.Contents.Platforms)
	if err != nil {
		return Saved{}, err
	}
	store := cache{s.Cache}
	if err := errors.Join(store.make(), store.removeParts()); err != nil {
		return Saved{}, err
	}
	from := newPuller(store, s, platforms)
	w := &writing{cache: store, contents: s.Contents, key: s.Key, blobs: map[v1.Hash]int64{}}
	w.contents.Format, w.contents.Images, w.contents.Charts, w.contents.Assets = formatVersion, nil, nil, nil
	if err := w.addCharts(s.Charts); err != nil {
		return Saved{}, err
	}
	if err := w.addMade(s.Made); err != nil {
		return Saved{}, err
	}
	if err := w.addAssets(ctx, s.Assets); err != nil {
		return Saved{}, err
	}
	images, err := findAll(ctx, from, s)
	if err != nil {
		return Saved{}, err
	}
	if err := w.addImages(images); err != nil {
		return Saved{}, err
	}
	if err := fetchAll(ctx, from, images, w, filepath.Dir(file), s.Say); err != nil {
		return Saved{}, err
	}
	return w.write(ctx, file, s.Say)
}

// CheckTarget makes sure that there is a directory for an archive to be written to: *NoFolderError if not.
func CheckTarget(file string) error {
	dir := filepath.Dir(file)
	info, err := os.Stat(dir)
	if errors.Is(err, fs.ErrNotExist) || err == nil && !info.IsDir() {
		return &NoFolderError{File: file, Dir: dir}
	}
	if err != nil {
		return fmt.Errorf("look for the directory of %s: %w", file, err)
	}
	return nil
}

// CheckPlatforms makes sure that archives are made for such platforms, of which there is one at least.
func CheckPlatforms(names []string) error {
	_, err := parsePlatforms(names)
	return err
}

// parsePlatforms reads linux/amd64. Talos runs on two.
func parsePlatforms(names []string) ([]v1.Platform, error) {
	if len(names) == 0 {
		return nil, errors.New("no platform: name at least one, such as linux/amd64")
	}
	var out []v1.Platform
	for _, name := range names {
		if name != "linux/amd64" && name != "linux/arm64" {
			return nil, fmt.Errorf("platform %q: not linux/amd64 or linux/arm64", name)
		}
		platform, err := v1.ParsePlatform(name)
		if err != nil {
			return nil, fmt.Errorf("platform %q: %w", name, err)
		}
		out = append(out, *platform)
	}
	return out, nil
}

// findAll reads what all images consist of, and tells all that can't be had.
func findAll(ctx context.Context, from *puller, s Saving) ([]*found, error) {
	s.Say(fmt.Sprintf("looking for %d images", len(s.Images)))
	images, missing := make([]*found, len(s.Images)), make([]error, len(s.Images))
	var group errgroup.Group
	group.SetLimit(imagesAtOnce)
	for i, wanted := range s.Images {
		group.Go(func() error {
			image, err := ParseImage(wanted.Name)
			if err == nil {
				images[i], err = from.find(ctx, image)
			}
			if err != nil {
				missing[i] = &MissingError{What: "image " + wanted.Name, For: wanted.For, Err: err}
			}
			return nil
		})
	}
	_ = group.Wait() // errors are in missing
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	return images, Incomplete(slices.Concat(s.Missing, missing))
}

// fetchAll gets the layers of all images into the cache, where there is room for them and for the archive.
func fetchAll(ctx context.Context, from *puller, images []*found, w *writing, target string, say func(string)) error {
	layers := map[v1.Hash]v1.Descriptor{}
	var missing int64
	for _, image := range images {
		for _, layer := range image.layers {
			if _, known := layers[layer.Digest]; known {
				continue
			}
			layers[layer.Digest] = layer
			if size, has := from.cache.size(layer.Digest); !has || size != layer.Size {
				missing += layer.Size
			}
		}
	}
	if err := checkSpace([]spaceNeed{{from.cache.dir, missing}, {target, w.size()}}); err != nil {
		return err
	}
	tell := &teller{total: missing, say: say}
	failed := make([]error, len(images))
	var once sync.Map // layers that somebody fetches already
	var group errgroup.Group
	group.SetLimit(imagesAtOnce)
	for i, image := range images {
		group.Go(func() error {
			for _, layer := range image.layers {
				if _, taken := once.LoadOrStore(layer.Digest, true); taken {
					continue
				}
				if err := from.fetch(ctx, image.from, layer, tell.got); err != nil {
					failed[i] = &MissingError{What: "image " + image.image.String(), Err: err}
					return nil //nolint:nilerr // told with the others
				}
			}
			return nil
		})
	}
	_ = group.Wait()
	if err := ctx.Err(); err != nil {
		return err
	}
	return Incomplete(failed)
}

// leastTold is how much is fetched, in bytes, between two lines about it: a tenth of little is not worth one.
const leastTold = 8 << 20

// teller says how much is fetched: each tenth, and all of it.
type teller struct {
	mu          sync.Mutex
	done, total int64 // bytes
	told        int64 // of done, when it was last said
	say         func(string)
}

func (t *teller) got(n int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.done += n
	isWhole := t.done >= t.total && t.told < t.total
	if isWhole || t.done-t.told >= max(t.total/10, leastTold) {
		t.told = t.done
		t.say(fmt.Sprintf("images: %s of %s", humanize.IBytes(uint64(t.done)), humanize.IBytes(uint64(t.total))))
	}
}
