// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"io"
	"log/slog"

	"github.com/sirupsen/logrus"
)

// hushLogrus sends what distribution logs to log instead of stderr. It logs to logrus's standard logger, unless its own
// configuration file says otherwise, which we have not.
func hushLogrus(log *slog.Logger) {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}

	standard := logrus.StandardLogger()
	standard.SetOutput(io.Discard)
	standard.SetLevel(logrus.WarnLevel)
	standard.ReplaceHooks(logrus.LevelHooks{})
	standard.AddHook(hook{log})
}

// hook sends what distribution logs on. It takes answers such as 404 for errors, so all of it is for who debugs.
type hook struct{ log *slog.Logger }

func (hook) Levels() []logrus.Level { return logrus.AllLevels[:logrus.WarnLevel+1] }

func (h hook) Fire(entry *logrus.Entry) error {
	h.log.Debug("registry: " + entry.Message)

	return nil
}
