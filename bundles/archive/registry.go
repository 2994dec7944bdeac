// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"

	"github.com/distribution/distribution/v3/configuration"
	"github.com/distribution/distribution/v3/registry/handlers"
	_ "github.com/distribution/distribution/v3/registry/storage/driver/filesystem" // the app looks its driver up by name
	"github.com/sirupsen/logrus"
)

// Registry serves the images and charts of a store to anyone who asks. It is an http.Handler, and read-only.
type Registry struct {
	app *handlers.App
}

// NewRegistry makes a Registry of a store, which is a directory that it makes if need be. What distribution logs goes to log,
// at its debug level; nil discards it. Distribution has one logger for a whole process: with several registries the last
// one's log gets it all. The context is for the registry's whole life.
func NewRegistry(ctx context.Context, store string, log *slog.Logger) (*Registry, error) {
	if err := os.MkdirAll(store, 0o700); err != nil {
		return nil, fmt.Errorf("make the registry's store: %w", err)
	}

	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}

	hushLogrus(log)

	config := &configuration.Configuration{
		Storage: configuration.Storage{
			"filesystem": {"rootdirectory": store},
			"maintenance": {
				"readonly":      map[any]any{"enabled": true},
				"uploadpurging": map[any]any{"enabled": false}, // nobody uploads; its goroutine would never end
			},
		},
		Catalog: configuration.Catalog{MaxEntries: 1000},
	}

	return &Registry{app: handlers.NewApp(ctx, config)}, nil
}

// ServeHTTP implements http.Handler.
func (r *Registry) ServeHTTP(w http.ResponseWriter, request *http.Request) {
	r.app.ServeHTTP(w, request)
}

func hushLogrus(log *slog.Logger) {
	standard := logrus.StandardLogger()
	standard.SetOutput(io.Discard)
	standard.SetLevel(logrus.WarnLevel)
	standard.ReplaceHooks(logrus.LevelHooks{})
	standard.AddHook(hook{log})
}

// hook sends what distribution logs on.
type hook struct{ log *slog.Logger }

func (hook) Levels() []logrus.Level { return logrus.AllLevels[:logrus.WarnLevel+1] }

func (h hook) Fire(entry *logrus.Entry) error {
	h.log.Debug("registry: " + entry.Message)

	return nil
}
