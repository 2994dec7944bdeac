// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"bytes"
	"maps"
	"net/http"
)

// heldAnswer is an answer that nobody has got yet. Manifests are small, and distribution has them in memory anyway.
type heldAnswer struct {
	header http.Header
	status int
	body   bytes.Buffer
}

// Header, WriteHeader and Write implement http.ResponseWriter.
func (a *heldAnswer) Header() http.Header { return a.header }

func (a *heldAnswer) WriteHeader(status int) {
	if a.status == 0 {
		a.status = status
	}
}

func (a *heldAnswer) Write(p []byte) (int, error) {
	a.WriteHeader(http.StatusOK)

	return a.body.Write(p)
}

// send gives it to the client.
func (a *heldAnswer) send(w http.ResponseWriter) {
	a.WriteHeader(http.StatusOK)
	maps.Copy(w.Header(), a.header)
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body.Bytes()) // a client that is gone needs no answer
}
