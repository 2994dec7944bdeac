// SPDX-License-Identifier: Apache-2.0

package taloslab

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
)

// limits are settings of the whole host that the lab raised, with their values before.
type limits map[string][]byte

// raiseLimits raises what several nodes and everybody else share on one host, to the values that Talos itself sets. Nodes
// may not set them: see isWithheld.
func raiseLimits() (limits, error) {
	before := limits{}
	for path, want := range map[string]int{
		"/proc/sys/fs/inotify/max_user_instances": 8192,
		"/proc/sys/fs/aio-max-nr":                 1048576,
	} {
		now, err := os.ReadFile(path)
		if err != nil {
			return before, err
		}
		number, err := strconv.Atoi(string(bytes.TrimSpace(now)))
		if err != nil {
			return before, fmt.Errorf("read %s: %w", path, err)
		}
		if number >= want {
			continue
		}
		if err := os.WriteFile(path, []byte(strconv.Itoa(want)), 0); err != nil {
			return before, err
		}
		before[path] = now
	}
	return before, nil
}

func (l limits) putBack() error {
	var errs []error
	for path, value := range l {
		errs = append(errs, os.WriteFile(path, value, 0))
	}
	clear(l)
	return errors.Join(errs...)
}
