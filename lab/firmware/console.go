// SPDX-License-Identifier: Apache-2.0

package firmware

import (
	"context"
	"fmt"
	"io"
	"regexp"
	"strings"
	"sync"
	"time"
)

// maxConsole bounds what is kept of a console: a kernel that boots says 40 kB.
const maxConsole = 1 << 20

// Console is a machine's serial line. It may be used concurrently.
type Console struct {
	keys io.Writer

	mu      sync.Mutex
	said    []byte
	pressed int           // how much of it was there when the last key was pressed
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
		c.pressed = max(0, c.pressed-len(c.said)+maxConsole/2)
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

// Await waits until the machine has said a text since keys were last pressed. The error has the end of the console.
func (c *Console) Await(ctx context.Context, text string) error {
	return c.await(ctx, fmt.Sprintf("%q", text), func() bool {
		return strings.Contains(string(c.said[c.pressed:]), text)
	})
}

// Type presses keys, each when the machine has shown the one before: a serial line that nobody reads loses keys.
func (c *Console) Type(ctx context.Context, keys string) error {
	for _, key := range keys {
		for {
			c.mu.Lock()
			c.pressed = len(c.said)
			c.mu.Unlock()
			if _, err := io.WriteString(c.keys, string(key)); err != nil {
				return err
			}
			again, cancel := context.WithTimeout(ctx, 5*time.Second)
			err := c.await(again, fmt.Sprintf("anything to %q", key), func() bool { return len(c.said) > c.pressed })
			cancel()
			if err == nil {
				break
			}
			if again.Err() == nil || ctx.Err() != nil {
				return err
			}
		}
	}
	return nil
}

// await waits until a condition holds, which is asked under the lock.
func (c *Console) await(ctx context.Context, what string, isThere func() bool) error {
	for {
		c.mu.Lock()
		done, over, changed := isThere(), c.over, c.changed
		c.mu.Unlock()
		switch {
		case done:
			return nil
		case over != nil:
			return fmt.Errorf("before it said %s: %w; its console ends:\n%s", what, over, c.Tail())
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return fmt.Errorf("it did not say %s: %w; its console ends:\n%s", what, context.Cause(ctx), c.Tail())
		}
	}
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
