// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"syscall"
	"time"

	v1 "github.com/google/go-containerregistry/pkg/v1"
)

// errNotHere says that the store lacks what is asked for, and that there is nowhere to get it from.
var errNotHere = errors.New("it is not in the bastion's registry, which has no network to get it from")

// UpstreamError says that another registry did not give what was asked for.
type UpstreamError struct {
	Host   string
	Status int           // of its answer; 0: it did not answer
	After  time.Duration // when it wants to be asked again. Zero: it does not say
	Err    error
	// isForeign says that nobody allowed to ask it.
	isForeign bool
	advice    string // what an operator can do; empty: not known
}

func (e *UpstreamError) Error() string {
	if e.isForeign {
		return e.Host + " is not among the registries that are pulled through"
	}

	switch e.Status {
	case http.StatusUnauthorized, http.StatusForbidden:
		return fmt.Sprintf("%s does not have it, or wants a login: it answered %d", e.Host, e.Status)
	case http.StatusTooManyRequests:
		return e.Host + " limits how much it gives away, and is not asked again for a while"
	case http.StatusNotFound:
		return e.Host + " does not have it"
	default:
		return fmt.Sprintf("ask %s: %v", e.Host, e.Err)
	}
}

func (e *UpstreamError) Unwrap() error { return e.Err }

// Hint says what to do, if that is known.
func (e *UpstreamError) Hint() string {
	hinting := interface{ Hint() string }(nil)
	if e.advice == "" && errors.As(e.Err, &hinting) {
		return hinting.Hint()
	}

	return e.advice
}

// answer is how a client is told: containerd asks the next mirror whatever it is, and tries again later.
func (e *UpstreamError) answer() int {
	switch {
	case e.Status == http.StatusNotFound || e.Status == http.StatusTooManyRequests:
		return e.Status
	case errors.Is(e.Err, context.DeadlineExceeded):
		return http.StatusGatewayTimeout
	default:
		return http.StatusBadGateway
	}
}

// refuse tells the client what is wrong as the protocol wants it, and the log what to do.
func (r *Registry) refuse(w http.ResponseWriter, request *http.Request, asked route, err error) {
	status, hint := http.StatusInternalServerError, ""

	code := "MANIFEST_UNKNOWN"
	if asked.blob != (v1.Hash{}) {
		code = "BLOB_UNKNOWN"
	}

	upstream := (*UpstreamError)(nil)

	switch {
	case errors.Is(err, errNotHere):
		status, hint = http.StatusNotFound, "put it into an archive with cozy-install bundle save where there is a network, and load "+
			"that with cozy-install bundle serve --archive; or serve with --pull-through"
	case errors.Is(err, context.Canceled):
		status = http.StatusServiceUnavailable
	case errors.Is(err, syscall.ENOSPC):
		status, hint = http.StatusInsufficientStorage, "make room on the file system of "+r.store.dir
	case errors.As(err, &upstream):
		status = upstream.answer()
		if hinting := interface{ Hint() string }(nil); errors.As(err, &hinting) {
			hint = hinting.Hint()
		}
		if upstream.After > 0 {
			w.Header().Set("Retry-After", strconv.Itoa(int(upstream.After.Round(time.Second).Seconds())))
		}
	}

	if status != http.StatusNotFound {
		code = "UNKNOWN"
	}

	if status == http.StatusTooManyRequests {
		code = "TOOMANYREQUESTS"
	}

	r.log.WarnContext(request.Context(), "can't serve an image", "image", asked.String(), "status", status, "err", err, "hint", hint)

	w.Header().Set("Docker-Distribution-API-Version", "registry/2.0")
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)

	if request.Method == http.MethodHead {
		return
	}

	body, err := json.Marshal(map[string][]problem{"errors": {{code, asked.String() + ": " + err.Error()}}})
	if err == nil {
		_, _ = w.Write(body) // a client that is gone needs no answer
	}
}

// problem is the protocol's form of an error.
type problem struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}
