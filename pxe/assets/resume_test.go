// SPDX-License-Identifier: Apache-2.0

package assets

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

const resumed = "initramfs-amd64.xz"

// requireFetched wants the factory's present file in its place and nothing beside the files.
func requireFetched(t *testing.T, f *factory, cache, name string) {
	t.Helper()
	got, err := os.ReadFile(filepath.Join(f.dir(cache), name))
	require.NoError(t, err)
	require.True(t, bytes.Equal(f.files[name], got), "%s: %d bytes that are not the factory's", name, len(got))
	list, err := os.ReadDir(f.dir(cache))
	require.NoError(t, err)
	var names []string
	for _, e := range list {
		names = append(names, e.Name())
	}
	require.ElementsMatch(t, []string{
		".lock", "SHA256SUMS", "kernel-amd64", "initramfs-amd64.xz", "cmdline-metal-amd64", "metal-amd64-uki.efi",
	}, names)
}

// rest is the request for a file after so many bytes.
func rest(size int) string { return fmt.Sprintf("GET %s bytes=%d-", resumed, size) }

func TestADownloadThatBreaksOffGoesOn(t *testing.T) {
	const whole = "GET " + resumed
	size := len(newFactory(t).files[resumed])
	for name, c := range map[string]struct {
		change func(*factory)
		cutAt  []int64
		want   []string // requests for the file
	}{
		"before the first byte":  {nil, []int64{0}, []string{whole, whole}},
		"after the first":        {nil, []int64{1}, []string{whole, rest(1)}},
		"in the middle":          {nil, []int64{40_000}, []string{whole, rest(40_000)}},
		"before the last":        {nil, []int64{int64(size) - 1}, []string{whole, rest(size - 1)}},
		"again and again":        {nil, []int64{40_000, 5, 0, 7}, []string{whole, rest(40_000), rest(40_005), rest(40_005), rest(40_012)}},
		"a server without tags":  {func(f *factory) { f.noTags = true }, []int64{40_000}, []string{whole, whole}},
		"a server without range": {func(f *factory) { f.ranges = false }, []int64{40_000}, []string{whole, whole}},
		"a server that has tags and no ranges": {
			func(f *factory) { f.deafTo = "Range" }, []int64{40_000, 50_000}, []string{whole, rest(40_000), rest(50_000)},
		},
	} {
		t.Run(name, func(t *testing.T) {
			f, cache := newFactory(t), t.TempDir()
			if c.change != nil {
				c.change(f)
			}
			f.before = func(_ http.ResponseWriter, r *http.Request) bool {
				f.mu.Lock()
				defer f.mu.Unlock()
				if filepath.Base(r.URL.Path) == resumed && c.cutAt != nil {
					f.cutAt, c.cutAt = c.cutAt, nil
				}
				return false
			}
			_, err := Fetch(t.Context(), f.order(), Want{}, cache)
			require.NoError(t, err)
			requireFetched(t, f, cache, resumed)
			var got []string
			for _, ask := range f.asked() {
				if bytes.Contains([]byte(ask), []byte(resumed)) {
					got = append(got, ask)
				}
			}
			require.Equal(t, c.want, got)
		})
	}
}

func TestAKilledRunIsContinued(t *testing.T) {
	f, cache := newFactory(t), t.TempDir()
	ctx, kill := context.WithCancel(t.Context())
	part := filepath.Join(f.dir(cache), resumed+".part")
	f.before = func(w http.ResponseWriter, r *http.Request) bool {
		if filepath.Base(r.URL.Path) != resumed {
			return false
		}
		w.Header().Set("ETag", strconv.Quote(hashOf(f.files[resumed])[:16]))
		w.Header().Set("Content-Length", strconv.Itoa(len(f.files[resumed])))
		_, _ = w.Write(f.files[resumed][:30_000])
		w.(http.Flusher).Flush()
		for r.Context().Err() == nil {
			if info, err := os.Stat(part); err == nil && info.Size() == 30_000 {
				kill()
			}
			time.Sleep(time.Millisecond)
		}
		return true
	}
	_, err := Fetch(ctx, f.order(), Want{}, cache)
	require.ErrorIs(t, err, context.Canceled)
	require.NoFileExists(t, filepath.Join(f.dir(cache), resumed))
	f.asked()

	f.before = nil
	_, err = Fetch(t.Context(), f.order(), Want{}, cache)
	require.NoError(t, err)
	require.Equal(t, []string{"POST schematics", rest(30_000), "GET cmdline-metal-amd64", "GET metal-amd64-uki.efi"}, f.asked())
	requireFetched(t, f, cache, resumed)
}

// What lies in the cache from an earlier run may be of the same file, of another one, or damaged.
func TestWhatAnEarlierRunLeft(t *testing.T) {
	same := content(filesFor(AMD64, false).initramfs)
	other := bytes.Repeat([]byte("x"), len(same))
	tag := func(data []byte) string { return strconv.Quote(hashOf(data)[:16]) }
	const whole = "GET " + resumed
	for name, c := range map[string]struct {
		left   []byte
		from   origin // its URL is put in
		change func(*factory)
		pinned bool
		want   []string // requests for the file
	}{
		"a beginning":                    {left: same[:500], from: origin{Validator: tag(same), Total: int64(len(same))}, want: []string{rest(500)}},
		"a beginning of unknown size":    {left: same[:500], from: origin{Validator: tag(same)}, want: []string{rest(500)}},
		"everything":                     {left: same, from: origin{Validator: tag(same), Total: int64(len(same))}},
		"nothing":                        {left: nil, from: origin{Validator: tag(same), Total: int64(len(same))}, want: []string{whole}},
		"a beginning without a tag":      {left: same[:500], from: origin{Total: int64(len(same))}, want: []string{whole}},
		"the same, but the sum is known": {left: same[:500], from: origin{Total: int64(len(same))}, pinned: true, want: []string{rest(500)}},
		"of another file": {
			left: other[:500], from: origin{Validator: tag(other), Total: int64(len(same))}, want: []string{rest(500)}, // 200 by If-Range
		},
		"of another file, If-Range is ignored": {
			left: other[:500], from: origin{Validator: tag(other), Total: int64(len(same))},
			change: func(f *factory) { f.deafTo = "If-Range" }, want: []string{rest(500), whole},
		},
		"of another file, If-Range is ignored and there are no tags": {
			left: other[:500], from: origin{Validator: tag(other), Total: int64(len(same))},
			change: func(f *factory) { f.deafTo, f.noTags = "If-Range", true }, want: []string{rest(500), whole},
		},
		"of another file of another size": {
			left: other[:500], from: origin{Total: int64(len(same)) + 1}, pinned: true, want: []string{rest(500), whole},
		},
		"of another file, which only the sum tells": {
			left: other[:500], from: origin{Total: int64(len(same))}, pinned: true, want: []string{rest(500), whole},
		},
		"another file, whole": {left: other, from: origin{Total: int64(len(same))}, pinned: true, want: []string{whole}},
		"a tag with damaged bytes": {
			left: other[:500], from: origin{Validator: tag(same), Total: int64(len(same))}, pinned: true, want: []string{rest(500), whole},
		},
		"more than there is now": {
			left: append(bytes.Clone(same), 'x'), from: origin{Total: int64(len(same)) + 9}, pinned: true,
			want: []string{rest(len(same) + 1), whole},
		},
		"more than its own size": {left: same[:500], from: origin{Validator: tag(same), Total: 499}, want: []string{whole}},
		"of another URL":         {left: same[:500], from: origin{URL: "http://other", Validator: tag(same)}, want: []string{whole}},
	} {
		t.Run(name, func(t *testing.T) {
			f, cache := newFactory(t), t.TempDir()
			if c.change != nil {
				c.change(f)
			}
			want := Want{}
			if c.pinned {
				want.Pinned = map[string]string{resumed: hashOf(same)}
			}
			if c.from.URL == "" {
				c.from.URL = f.URL + "/image/" + f.order().ID + "/" + version + "/" + resumed
			}
			text, err := json.Marshal(c.from)
			require.NoError(t, err)
			leave(t, f.dir(cache), c.left, text)
			_, err = Fetch(t.Context(), f.order(), want, cache)
			require.NoError(t, err)
			requireFetched(t, f, cache, resumed)
			asked := f.asked()
			require.Equal(t, append(append([]string{"POST schematics", "GET kernel-amd64"}, c.want...),
				"GET cmdline-metal-amd64", "GET metal-amd64-uki.efi"), asked)
		})
	}
}

func leave(t *testing.T, dir string, part, from []byte) {
	t.Helper()
	require.NoError(t, os.MkdirAll(dir, 0o700))
	require.NoError(t, os.WriteFile(filepath.Join(dir, resumed+".part"), part, 0o600))
	if from != nil {
		require.NoError(t, os.WriteFile(filepath.Join(dir, resumed+".part.json"), from, 0o600))
	}
}

func TestLitterIsNoHindrance(t *testing.T) {
	for name, from := range map[string]string{"half an origin": `{"url":"htt`, "a wrong one": `{"total":-1}`, "none": ""} {
		f, cache := newFactory(t), t.TempDir()
		leave(t, f.dir(cache), []byte("half"), []byte(from))
		require.NoError(t, os.WriteFile(filepath.Join(f.dir(cache), resumed), []byte("half"), 0o600), "no sum was recorded for it")
		require.NoError(t, os.WriteFile(filepath.Join(f.dir(cache), ".SHA256SUMS8674665223082153551"), []byte("half"), 0o600))
		_, err := Fetch(t.Context(), f.order(), Want{}, cache)
		require.NoError(t, err, name)
		requireFetched(t, f, cache, resumed)
	}
}

// Kept between two runs, while the factory changed its mind: what was recorded wins, and nothing is mixed.
func TestAnotherFileThanRecordedIsRefused(t *testing.T) {
	f, cache := newFactory(t), t.TempDir()
	got, err := Fetch(t.Context(), f.order(), Want{}, cache)
	require.NoError(t, err)
	path := filepath.Join(got.Dir, resumed)
	require.NoError(t, os.Remove(path))
	before := f.files[resumed]
	after := append(bytes.Clone(before), "rebuilt"...)
	f.set(resumed, after)
	_, err = Fetch(t.Context(), f.order(), Want{}, cache)
	var changed *ChecksumError
	require.ErrorAs(t, err, &changed)
	require.Equal(t, &ChecksumError{Path: path, Got: hashOf(after), Want: hashOf(before)}, changed)
	require.NoFileExists(t, path)
	require.NoFileExists(t, path+".part")

	_, err = Fetch(t.Context(), f.order(), Want{Pinned: map[string]string{resumed: hashOf(after)}}, cache)
	require.NoError(t, err, "a pin wins over the record")
	requireFetched(t, f, cache, resumed)
	_, err = Fetch(t.Context(), f.order(), Want{}, cache)
	require.NoError(t, err, "and becomes the record")
}
