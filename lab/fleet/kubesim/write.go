// SPDX-License-Identifier: Apache-2.0

package kubesim

import (
	"encoding/json"
	"io"
	"net/http"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// maxBody bounds what a client may send.
const maxBody = 1 << 20

// write cordons, uncordons and deletes nodes, and notes what is applied.
//
//	PATCH, DELETE /api/v1/nodes/NAME
//	PATCH /api/v1/namespaces/NAMESPACE/RESOURCE/NAME, server-side apply only
func (s *Server) write(w http.ResponseWriter, r *http.Request, path []string) {
	body, err := io.ReadAll(io.LimitReader(r.Body, maxBody))
	if err != nil {
		return // the client is gone
	}

	isNode := len(path) == 4 && path[2] == "nodes"
	isApply := r.Header.Get("Content-Type") == string(types.ApplyPatchType)

	switch {
	case isNode && r.Method == http.MethodDelete:
		s.deleteNode(w, path[3])
	case isNode && r.Method == http.MethodPatch && !isApply:
		s.cordon(w, path[3], body)
	case r.Method == http.MethodPatch && isApply && len(path) == 6 && path[2] == "namespaces":
		s.mu.Lock()
		s.applied = append(s.applied, path[3]+"/"+path[5])
		s.mu.Unlock()

		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(body) // the client may be gone
	default:
		refuse(w, http.StatusMethodNotAllowed, metav1.StatusReasonMethodNotAllowed, "simulated: it takes no such change")
	}
}

func (s *Server) deleteNode(w http.ResponseWriter, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()

	if _, known := s.nodes[name]; !known {
		refuse(w, http.StatusNotFound, metav1.StatusReasonNotFound, "nodes \""+name+"\" not found")

		return
	}

	delete(s.nodes, name)
	delete(s.down, name)
	delete(s.cordoned, name)
	answer(w, metav1.Status{TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusSuccess})
}

// cordon takes spec.unschedulable out of a patch: nothing else of a node is anybody's but its kubelet's.
func (s *Server) cordon(w http.ResponseWriter, name string, patch []byte) {
	var change corev1.Node
	if err := json.Unmarshal(patch, &change); err != nil {
		refuse(w, http.StatusBadRequest, metav1.StatusReasonBadRequest, err.Error())

		return
	}

	s.mu.Lock()
	if _, known := s.nodes[name]; known {
		s.cordoned[name] = change.Spec.Unschedulable
	}
	s.mu.Unlock()

	s.get(w, name)
}

// refuse answers as an API server does, so that clients can tell why.
func refuse(w http.ResponseWriter, code int, reason metav1.StatusReason, message string) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(code)
	_ = json.NewEncoder(w).Encode(metav1.Status{ //nolint:errchkjson // the client may be gone
		TypeMeta: metav1.TypeMeta{Kind: "Status", APIVersion: "v1"}, Status: metav1.StatusFailure,
		Code: int32(code), Reason: reason, Message: message,
	})
}
