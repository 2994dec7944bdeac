// SPDX-License-Identifier: Apache-2.0

package sitesim

import "net/http"

// fault is what happens to one answer to a request for a file.
type fault struct {
	status int   // answered in its place; 0: none
	cutAt  int64 // bytes of the body after which the connection ends
}

// Unavailable makes the next n requests for files end with 503, as a factory that is being restarted answers.
func (f *Factory) Unavailable(n int) {
	f.mu.Lock()
	defer f.mu.Unlock()

	for range n {
		f.faults = append(f.faults, fault{status: http.StatusServiceUnavailable})
	}
}

// Cut makes the next requests for files end after so many bytes of the answer's body, one request for each number.
func (f *Factory) Cut(after ...int64) {
	f.mu.Lock()
	defer f.mu.Unlock()

	for _, n := range after {
		f.faults = append(f.faults, fault{cutAt: n})
	}
}

// Rebuild changes the content of every file, as a factory does that lost its cache: images are not reproducible.
func (f *Factory) Rebuild() {
	f.mu.Lock()
	defer f.mu.Unlock()

	f.builds++
}

// faulty gives the writer for an answer; nil when it was answered already.
func (f *Factory) faulty(w http.ResponseWriter) http.ResponseWriter {
	f.mu.Lock()
	defer f.mu.Unlock()

	if len(f.faults) == 0 {
		return w
	}

	next := f.faults[0]
	f.faults = f.faults[1:]

	if next.status != 0 {
		http.Error(w, "simulated fault", next.status)

		return nil
	}

	return &cutWriter{ResponseWriter: w, left: next.cutAt}
}

// cutWriter ends the connection in the middle of a body.
type cutWriter struct {
	http.ResponseWriter

	left int64
}

func (c *cutWriter) Write(data []byte) (int, error) {
	if int64(len(data)) <= c.left {
		c.left -= int64(len(data))

		return c.ResponseWriter.Write(data)
	}

	_, _ = c.ResponseWriter.Write(data[:c.left])
	_ = http.NewResponseController(c.ResponseWriter).Flush()

	panic(http.ErrAbortHandler) // net/http's own way
}
