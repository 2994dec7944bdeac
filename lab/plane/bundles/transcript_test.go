// SPDX-License-Identifier: Apache-2.0

package bundles

import (
	"bytes"
	"sync"
)

// transcript is what a process said so far.
type transcript struct {
	lock sync.Mutex
	text bytes.Buffer
}

func (t *transcript) Write(p []byte) (int, error) {
	t.lock.Lock()
	defer t.lock.Unlock()
	return t.text.Write(p)
}

func (t *transcript) String() string {
	t.lock.Lock()
	defer t.lock.Unlock()
	return t.text.String()
}
