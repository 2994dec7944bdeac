// SPDX-License-Identifier: Apache-2.0

package taloslab

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"strconv"
)

// limits are settings of the whole host that a run raises, by their files.
type limits map[string]limit

type limit struct {
	Before string `json:"before"`
	Raised string `json:"raised"`
}

// tooLow finds what several nodes and everybody else share on one host and is below the values that Talos itself sets. Nodes
// may not set them: see isWithheld.
func tooLow() (limits, error) {
	out := limits{}
	for path, want := range map[string]int{
		"/proc/sys/fs/inotify/max_user_instances": 8192,
		"/proc/sys/fs/aio-max-nr":                 1048576,
	} {
		now, err := readSetting(path)
		if err != nil {
			return nil, err
		}
		number, err := strconv.Atoi(now)
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", path, err)
		}
		if number < want {
			out[path] = limit{Before: now, Raised: strconv.Itoa(want)}
		}
	}
	return out, nil
}

func (l limits) raise() error {
	var errs []error
	for path, one := range l {
		errs = append(errs, os.WriteFile(path, []byte(one.Raised), 0))
	}
	return errors.Join(errs...)
}

// putBack leaves what somebody else has set since.
func (l limits) putBack() error {
	var errs []error
	for path, one := range l {
		now, err := readSetting(path)
		if err == nil && now == one.Raised {
			err = os.WriteFile(path, []byte(one.Before), 0)
		}
		errs = append(errs, err)
	}
	clear(l)
	return errors.Join(errs...)
}

func readSetting(path string) (string, error) {
	value, err := os.ReadFile(path)
	return string(bytes.TrimSpace(value)), err
}
