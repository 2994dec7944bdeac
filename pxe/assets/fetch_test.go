// SPDX-License-Identifier: Apache-2.0

package assets

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOneProgramAtATimeFetches(t *testing.T) {
	f, cache := newFactory(t), t.TempDir()
	inside := make(chan struct{})
	release := make(chan struct{})
	f.answering("kernel-amd64", func(w http.ResponseWriter, r *http.Request) {
		close(inside)
		<-release
		f.image(w, r)
	})
	var first error
	var ends sync.WaitGroup
	ends.Go(func() { _, first = Fetch(t.Context(), f.order(), Want{}, cache) })
	<-inside
	_, err := Fetch(t.Context(), f.order(), Want{}, cache)
	var busy *BusyError
	require.ErrorAs(t, err, &busy)
	require.Equal(t, f.dir(cache), busy.Dir)
	close(release)
	ends.Wait()
	require.NoError(t, first)
	f.Close()
	_, err = Fetch(t.Context(), f.order(), Want{}, cache)
	require.NoError(t, err, "the lock is gone")
}

func TestOrdersThatCannotBe(t *testing.T) {
	good := Factory{URL: "http://127.0.0.1:1", Schematic: []byte(schematic), ID: hashOf([]byte(schematic)), Version: version, firstPause: 1}
	for want, change := range map[string]func(*Factory, *Want){
		"want an http or https URL":     func(f *Factory, _ *Want) { f.URL = "ftp://factory" },
		"not a URL":                     func(f *Factory, _ *Want) { f.URL = "https://root:hunter2@[" },
		"schematic id \"../..\"":        func(f *Factory, _ *Want) { f.ID = "../.." },
		"talos version \"v1.13/../..\"": func(f *Factory, _ *Want) { f.Version = "v1.13/../.." },
		"architecture \"sparc\"":        func(_ *Factory, w *Want) { w.Archs = []string{"sparc"} },
		`"kernel-sparc": no boot asset has this name`: func(_ *Factory, w *Want) {
			w.Pinned = map[string]string{"kernel-sparc": hashOf(nil)}
		},
		`"kernel-amd64": "abc": want a SHA-256`: func(_ *Factory, w *Want) { w.Pinned = map[string]string{"kernel-amd64": "abc"} },
		"connection refused":                    func(*Factory, *Want) {},
	} {
		order, wish := good, Want{}
		change(&order, &wish)
		_, err := Fetch(t.Context(), order, wish, t.TempDir())
		require.ErrorContains(t, err, want)
		require.NotContains(t, err.Error(), "hunter2")
	}
	var pin *PinError
	_, err := FromDir(t.TempDir(), Want{Pinned: map[string]string{"kernel": hashOf(nil)}})
	require.ErrorAs(t, err, &pin)
	require.Contains(t, pin.Hint(), "metal-arm64-secureboot-uki.efi")
}

func TestPasswordsOfFactoryAndProxyAreUsedAndNotShown(t *testing.T) {
	f, cache := newFactory(t), t.TempDir()
	var seen []http.Header
	f.before = func(w http.ResponseWriter, r *http.Request) bool {
		seen = append(seen, r.Header.Clone())
		if filepath.Base(r.URL.Path) != "cmdline-metal-amd64" {
			return false
		}
		http.Error(w, "no", http.StatusForbidden)
		return true
	}
	order := f.order()
	order.URL = "http://factory-user:hunter2@factory.example"
	proxy, err := url.Parse(f.URL)
	require.NoError(t, err)
	proxy.User = url.UserPassword("proxy-user", "hunter3")
	order.Client = &http.Client{Transport: &http.Transport{Proxy: http.ProxyURL(proxy)}}
	_, err = Fetch(t.Context(), order, Want{}, cache)
	require.ErrorContains(t, err, "403")
	require.NotContains(t, err.Error(), "hunter")
	probe := httptest.NewRequest(http.MethodGet, "/", nil)
	probe.SetBasicAuth("factory-user", "hunter2")
	for _, header := range seen {
		require.Equal(t, probe.Header.Get("Authorization"), header.Get("Authorization"))
		require.NotEmpty(t, header.Get("Proxy-Authorization"))
	}
	require.Len(t, seen, 4)
	require.NoError(t, filepath.WalkDir(cache, func(path string, entry os.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		data, err := os.ReadFile(path)
		require.NotContains(t, string(data), "hunter", path)
		return err
	}))
}

// Offsets and tags of a packed answer are not the file's.
func TestFilesAreNotAskedForPacked(t *testing.T) {
	f := newFactory(t)
	f.before = func(_ http.ResponseWriter, r *http.Request) bool {
		if r.Method == http.MethodGet && r.Header.Get("Accept-Encoding") != "identity" {
			t.Errorf("%s: Accept-Encoding %q", r.URL.Path, r.Header.Get("Accept-Encoding"))
		}
		return false
	}
	_, err := Fetch(t.Context(), f.order(), Want{}, t.TempDir())
	require.NoError(t, err)
}

func TestProgressIsTold(t *testing.T) {
	f, cache := newFactory(t), t.TempDir()
	f.set(resumed, append(f.files[resumed], make([]byte, 3<<20)...))
	size := int64(len(f.files[resumed]))
	var told [][2]int64
	order := f.order()
	order.Progress = func(name string, done, total int64) {
		if name == resumed {
			told = append(told, [2]int64{done, total})
		}
	}
	_, err := Fetch(t.Context(), order, Want{}, cache)
	require.NoError(t, err)
	require.Equal(t, [2]int64{0, 0}, told[0], "nothing is known")
	require.Equal(t, [2]int64{0, size}, told[1], "the answer began")
	require.Equal(t, [2]int64{size, size}, told[len(told)-1])
	require.Len(t, told, 6, "%v", told)
}
