// SPDX-License-Identifier: Apache-2.0

package firmware

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
)

// maxConsole bounds what is kept of a console: a kernel that boots says 40 kB.
const maxConsole = 1 << 20

// Console is a machine's serial line. It may be used concurrently.
type Console struct {
	keys io.Writer

	mu      sync.Mutex
	said    []byte
	changed chan struct{} // closed and made anew whenever the machine says something
	over    error         // why nothing more will come; nil while the machine runs
}

func newConsole() *Console { return &Console{changed: make(chan struct{})} }

// Write takes what the machine says. The oldest of it goes when it is too much.
func (c *Console) Write(p []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.said = append(c.said, p...)
	if len(c.said) > maxConsole {
		c.said = append([]byte(nil), c.said[len(c.said)-maxConsole/2:]...)
	}
	c.wake()
	return len(p), nil
}

func (c *Console) wake() {
	close(c.changed)
	c.changed = make(chan struct{})
}

// end says that the machine is off.
func (c *Console) end(why error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.over = why
	c.wake()
}

// Await waits until the machine has said a text. The error has the end of the console.
func (c *Console) Await(ctx context.Context, text string) error {
	for {
		c.mu.Lock()
		said, over, changed := string(c.said), c.over, c.changed
		c.mu.Unlock()
		switch {
		case strings.Contains(said, text):
			return nil
		case over != nil:
			return fmt.Errorf("the machine went off before it said %q: %w; its console ends:\n%s", text, over, c.Tail())
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("the machine did not say %q: %w; its console ends:\n%s", text, context.Cause(ctx), c.Tail())
		}
	}
}

// Type presses keys.
func (c *Console) Type(keys string) error {
	_, err := io.WriteString(c.keys, keys)
	return err
}

// Text is all that was said, without what only moves a cursor.
func (c *Console) Text() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	escape := regexp.MustCompile(`\x1b\[[0-9;?=]*[A-Za-z]|\x1bc|\r`)
	return escape.ReplaceAllString(string(c.said), "")
}

// Tail is the end of Text, for messages.
func (c *Console) Tail() string {
	lines := strings.Split(strings.TrimSpace(c.Text()), "\n")
	if len(lines) > 30 {
		lines = lines[len(lines)-30:]
	}
	return "    " + strings.Join(lines, "\n    ")
}
