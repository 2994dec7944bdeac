// SPDX-License-Identifier: Apache-2.0

package cli

import (
	"fmt"
	"math"

	"github.com/dustin/go-humanize"
)

// bytesFlag is a flag for a number of bytes, written as 4096, 500Mi or 20Gi.
type bytesFlag struct{ to *int64 }

// String, Set and Type implement pflag.Value.
func (f bytesFlag) String() string {
	if f.to == nil || *f.to == 0 {
		return ""
	}
	return humanize.IBytes(uint64(*f.to)) // Set takes nothing below 0
}

func (f bytesFlag) Set(text string) error {
	n, err := humanize.ParseBytes(text)
	if err != nil || n > math.MaxInt64 {
		return fmt.Errorf("%q is not a number of bytes such as 500Mi or 20Gi", text)
	}
	*f.to = int64(n)
	return nil
}

func (f bytesFlag) Type() string { return "size" }
