// SPDX-License-Identifier: Apache-2.0

package assets

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"path/filepath"
)

// download fetches one file, or the rest of it, and puts it into the directory in one step. Its sum is compared with the
// expected one, or recorded.
func (f Factory) download(ctx context.Context, from *url.URL, dir string, file file, want Want) (err error) {
	expected, err := want.expect(dir)
	if err != nil {
		return err
	}
	path := filepath.Join(dir, file.name)
	part, err := openPartial(path, from.Redacted(), file.most(), func(done, total int64) {
		if f.Progress != nil {
			f.Progress(file.name, done, total)
		}
	})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, part.close()) }()

	expectation, known := expected[file.name]
	rest := transfer{factory: f, from: from, part: part, file: file, sumKnown: known, joined: part.size > 0}
	if err := f.persist(ctx, file.name, part.length, func() error { return rest.proceed(ctx) }); err != nil {
		return err
	}
	if known && rest.joined && part.sum() != expectation.sum {
		// The parts were of different files, whatever the server said. A file in one piece tells more.
		if err := part.restart(origin{URL: from.Redacted()}); err != nil {
			return &CacheError{Dir: dir, Err: err}
		}
		if err := f.persist(ctx, file.name, part.length, func() error { return rest.proceed(ctx) }); err != nil {
			return err
		}
	}
	part.tell()
	if known {
		err = expectation.compare(path, part.sum())
	}
	if err == nil {
		err = file.examine(path, part.file, part.size)
	}
	if err != nil {
		return errors.Join(err, part.discard()) // nothing of it is worth a second try
	}
	return part.settle(dir, file.name)
}

// transfer is what the tries for one file share.
type transfer struct {
	factory  Factory
	from     *url.URL
	part     *partial
	file     file
	sumKnown bool // a mixed file would be noticed at the end
	joined   bool // not all bytes in the file are of one answer in this run
}

// proceed makes one request for what is lacking.
func (t *transfer) proceed(ctx context.Context) error {
	if t.part.whole() {
		return nil // a run was killed before the last step
	}
	ctx, watch := t.factory.watched(ctx)
	defer watch.stop()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, t.from.String(), nil)
	if err != nil {
		return err
	}
	// Else Go's client asks for gzip and unpacks it, and offsets and ETags would be those of something else.
	request.Header.Set("Accept-Encoding", "identity")
	t.askForRest(request)
	response, err := t.factory.do(request)
	if err != nil {
		return t.unlessRange(err)
	}
	defer response.Body.Close() // read to the end or given up
	if err := t.begin(request, response); err != nil {
		return err
	}
	body := io.LimitReader(watch.reader(response.Body), t.file.most()+1-t.part.size)
	_, err = io.Copy(t.part, body)
	if disk := (*CacheError)(nil); errors.As(err, &disk) {
		return err
	}
	if err != nil {
		return passing(fmt.Errorf("%s: broken off after %d bytes: %w", t.from.Redacted(), t.part.size, withCause(ctx, err)))
	}
	return t.ended()
}

// askForRest asks for a range if something is there that can be continued without fear of a mixed file. Where neither a
// validator nor a sum would tell, the file is begun anew.
func (t *transfer) askForRest(request *http.Request) {
	if t.part.size == 0 || t.part.from.Validator == "" && !t.sumKnown {
		return
	}
	request.Header.Set("Range", fmt.Sprintf("bytes=%d-", t.part.size))
	if t.part.from.Validator != "" {
		request.Header.Set("If-Range", t.part.from.Validator)
	}
}

// begin makes the partial file ready for an answer's body: a part of the same file is appended, a whole one begins anew.
func (t *transfer) begin(request *http.Request, response *http.Response) error {
	if coding := response.Header.Get("Content-Encoding"); coding != "" && coding != "identity" {
		return fmt.Errorf("%s: answered in Content-Encoding %.40q, which was not asked for", t.from.Redacted(), coding)
	}
	if response.StatusCode == http.StatusPartialContent && request.Header.Get("Range") != "" {
		if reason := t.part.from.differs(response, t.part.size); reason != "" {
			return t.anew(reason)
		}
		t.joined = true
		return nil
	}
	if response.StatusCode != http.StatusOK {
		return &AnswerError{URL: t.from.Redacted(), Code: response.StatusCode, Status: response.Status}
	}
	if !t.sumKnown && !hasEnd(response) {
		return fmt.Errorf("%s: answered without saying where the file ends, so a broken connection would go unnoticed: pin its SHA-256",
			t.from.Redacted())
	}
	t.joined = false
	if err := t.part.restart(originOf(response, t.from)); err != nil {
		return &CacheError{Dir: filepath.Dir(t.part.path), Err: err}
	}
	if t.part.from.Total > t.file.most() {
		return t.file.oversized(t.part.path, t.part.from.Total)
	}
	t.part.tell()
	return nil
}

// ended judges a body that came to its end.
func (t *transfer) ended() error {
	switch total := t.part.from.Total; {
	case t.part.size > t.file.most():
		return t.file.oversized(t.part.path, t.part.size)
	case total > 0 && t.part.size > total:
		return t.anew(fmt.Sprintf("%d bytes of %d", t.part.size, total))
	case total > 0 && t.part.size < total:
		return passing(fmt.Errorf("%s: %w after %d bytes of %d", t.from.Redacted(), io.ErrUnexpectedEOF, t.part.size, total))
	}
	return nil
}

// unlessRange gives up what is there if the server has no such range: the file has become shorter.
func (t *transfer) unlessRange(err error) error {
	var answer *AnswerError
	if t.part.size > 0 && errors.As(err, &answer) && answer.Code == http.StatusRequestedRangeNotSatisfiable {
		return t.anew("no such range")
	}
	return err
}

// anew drops what is there and lets the next try begin from the start.
func (t *transfer) anew(reason string) error {
	if err := t.part.restart(origin{URL: t.from.Redacted()}); err != nil {
		return &CacheError{Dir: filepath.Dir(t.part.path), Err: err}
	}
	return passing(fmt.Errorf("%s: the rest is not of the file that was begun: %s", t.from.Redacted(), reason))
}
