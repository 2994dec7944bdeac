// SPDX-License-Identifier: Apache-2.0

package archive

import (
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-containerregistry/pkg/v1/random"
	"github.com/google/go-containerregistry/pkg/v1/remote"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestWrongContentIsNeitherServedNorKept(t *testing.T) {
	other := newElsewhere(t)
	image, err := random.Image(1<<20, 1)
	require.NoError(t, err)
	require.NoError(t, remote.Write(refTo(t, other.host+"/team/tool:v1"), image))
	layers, err := image.Layers()
	require.NoError(t, err)
	sum, err := layers[0].Digest()
	require.NoError(t, err)
	size, err := layers[0].Size()
	require.NoError(t, err)
	other.set(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, sum.String()) {
			return false
		}
		_, _ = w.Write(make([]byte, size))

		return true
	})

	host, store, _ := other.through(t)
	requireCutOff(t, "http://"+host+"/v2/quay.io/team/tool/blobs/"+sum.String(), size)
	require.False(t, store.hasBlob(sum))
	require.Eventually(t, func() bool { return len(leftovers(t, store)) == 0 }, 5*time.Second, 10*time.Millisecond)

	other.set(func(w http.ResponseWriter, r *http.Request) bool {
		if strings.Contains(r.URL.Path, "/manifests/sha256:") {
			_, _ = io.WriteString(w, "{}")

			return true
		}

		return false
	})
	got := get(t, "http://"+host+"/v2/quay.io/team/tool/manifests/"+someDigest, "")
	require.Equal(t, http.StatusBadGateway, got.StatusCode)
	require.Contains(t, string(got.body), "does not match requested digest")
}

// requireCutOff gets what turns out to be wrong when the last of it has come. How much was sent on by then is chance: nothing, so that
// there can be a status that says it, or that the connection ends before there is any; or a part, which nobody may take for whole.
func requireCutOff(t *testing.T, url string, size int64) {
	t.Helper()

	response, err := http.Get(url)
	if err != nil {
		require.ErrorIs(t, err, io.EOF)

		return
	}
	defer response.Body.Close()

	n, err := io.Copy(io.Discard, response.Body)
	require.Less(t, n, size)

	if response.StatusCode != http.StatusBadGateway {
		require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	}
}

func TestAClientGetsWhatHasComeWhileTheRestIsOnItsWay(t *testing.T) {
	other := newElsewhere(t)
	image, err := random.Image(2<<20, 1)
	require.NoError(t, err)
	require.NoError(t, remote.Write(refTo(t, other.host+"/team/tool:v1"), image))
	layers, err := image.Layers()
	require.NoError(t, err)
	sum, err := layers[0].Digest()
	require.NoError(t, err)
	compressed, err := layers[0].Compressed()
	require.NoError(t, err)
	content, err := io.ReadAll(compressed)
	require.NoError(t, err)

	goOn := make(chan struct{})
	other.set(func(w http.ResponseWriter, r *http.Request) bool {
		if r.Method != http.MethodGet || !strings.HasSuffix(r.URL.Path, sum.String()) {
			return false
		}
		w.Header().Set("Content-Length", strconv.Itoa(len(content)))
		_, _ = w.Write(content[:1<<20])
		w.(http.Flusher).Flush()

		select {
		case <-goOn:
		case <-r.Context().Done():
		}
		_, _ = w.Write(content[1<<20:])

		return true
	})

	host, store, upstream := other.through(t)
	url := "http://" + host + "/v2/quay.io/team/tool/blobs/" + sum.String()
	response, err := http.Get(url)
	require.NoError(t, err)
	defer response.Body.Close()

	half := make([]byte, 1<<20)
	_, err = io.ReadFull(response.Body, half)
	require.NoError(t, err)
	require.Equal(t, content[:1<<20], half)

	// One goes away, one comes later and wants the end only.
	gone, err := http.Get(url)
	require.NoError(t, err)
	require.NoError(t, gone.Body.Close())

	later := make(chan answer, 1)

	go func() {
		part, err := tryGet(t.Context(), url, "bytes=2000000-")
		assert.NoError(t, err)
		later <- part
	}()
	close(goOn)

	rest, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	require.Equal(t, content[1<<20:], rest)

	part := <-later
	require.Equal(t, http.StatusPartialContent, part.StatusCode)
	require.Equal(t, content[2_000_000:], part.body)
	upstream.Close()
	require.Empty(t, leftovers(t, store))
	require.True(t, store.hasBlob(sum))
}

func TestASlowUpstreamIsGivenUp(t *testing.T) {
	other := newElsewhere(t)
	other.set(func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.Contains(r.URL.Path, "/blobs/") {
			<-r.Context().Done()
		}

		return false
	})

	host, store, upstream := other.through(t)
	upstream.stall = 200 * time.Millisecond
	got := get(t, "http://"+host+"/v2/quay.io/team/tool/blobs/"+someDigest, "")
	require.Equal(t, http.StatusGatewayTimeout, got.StatusCode)
	require.Contains(t, string(got.body), "ask quay.io: nothing came for 200ms")
	require.Empty(t, leftovers(t, store))
}

func TestClosingEndsWhatIsFetched(t *testing.T) {
	other := newElsewhere(t)
	asked := make(chan struct{}, 10)
	other.set(func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.Contains(r.URL.Path, "/blobs/") {
			asked <- struct{}{}
			<-r.Context().Done()
		}

		return false
	})

	host, _, upstream := other.through(t)
	status := make(chan int, 1)

	go func() {
		refused, err := tryGet(t.Context(), "http://"+host+"/v2/quay.io/team/tool/blobs/"+someDigest, "")
		assert.NoError(t, err)
		status <- refused.StatusCode
	}()
	<-asked

	start := time.Now()
	upstream.Close()
	require.Less(t, time.Since(start), 5*time.Second)
	require.Equal(t, http.StatusServiceUnavailable, <-status)
	require.Equal(t, http.StatusServiceUnavailable, get(t, "http://"+host+"/v2/quay.io/team/tool/blobs/"+someDigest, "").StatusCode)
}
