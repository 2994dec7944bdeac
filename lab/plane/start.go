// SPDX-License-Identifier: Apache-2.0

package plane

import (
	"log/slog"
	"os"
	"path/filepath"
	"testing"
)

// Option changes the Config of a plane that a test starts.
type Option func(*Config)

// WithSANs adds addresses and names to the API's certificate.
func WithSANs(names ...string) Option {
	return func(cfg *Config) { cfg.SANs = append(cfg.SANs, names...) }
}

// WithoutFlux leaves out Flux; the plane is then up about two seconds earlier.
func WithoutFlux() Option { return func(cfg *Config) { cfg.WithoutFlux = true } }

// WithDir puts the plane's files elsewhere than into a folder of the test's own.
func WithDir(dir string) Option { return func(cfg *Config) { cfg.Dir = dir } }

// Start starts a plane for a test and stops it when the test ends. Whatever is missing is built; a plane that does not start
// fails the test, and a test that fails prints the ends of the plane's logs.
func Start(tb testing.TB, options ...Option) *Plane {
	tb.Helper()
	cfg := Config{Log: slog.New(slog.NewTextHandler(tb.Output(), nil))}
	for _, option := range options {
		option(&cfg)
	}
	if cfg.Dir == "" {
		cfg.Dir = tb.TempDir()
	}
	p, err := Run(tb.Context(), cfg)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		if err := p.Err(); err != nil {
			tb.Error(err)
		}
		if err := p.Stop(); err != nil {
			tb.Error(err)
		}
		if tb.Failed() {
			printLogs(tb, cfg.Dir)
		}
	})
	return p
}

func printLogs(tb testing.TB, dir string) {
	tb.Helper()
	files, err := os.ReadDir(filepath.Join(dir, "log"))
	if err != nil {
		tb.Log(err)
	}
	for _, file := range files {
		path := filepath.Join(dir, "log", file.Name())
		tb.Logf("the end of %s:\n%s", path, logTail(path, 3000))
	}
}
