//! The tenant's own recordings.

use super::keeping::{not_found, store};
use super::{HostCentre, malformed};
use crate::documents::PromptDocument;
use bytes::Bytes;
use cordboard_admin::{Expected, Prompt, Refusal};
use cordboard_core::ids::Digest;
use cordboard_media::Clip;
use cordboard_store::DocumentKind;
use std::sync::Arc;

const MAX_PHRASE_BYTES: usize = 1024;

fn shown(name: String, phrase: Option<String>, clip: &Clip, built_in: bool) -> Prompt {
    let duration_ms = u64::try_from(clip.duration().as_millis()).unwrap_or(u64::MAX);
    Prompt { name, phrase, duration_ms, built_in }
}

impl HostCentre {
    pub(super) async fn all_prompts(&self) -> Result<Vec<Prompt>, Refusal> {
        let library = &self.parts.prompts;
        let mut prompts: Vec<Prompt> = library
            .all()
            .into_iter()
            .map(|recorded| shown(recorded.name, recorded.phrase, &recorded.clip, recorded.built_in))
            .collect();
        prompts.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(prompts)
    }

    pub(super) async fn change_prompt(
        &self,
        name: String,
        phrase: Option<String>,
        wav: Bytes,
    ) -> Result<Prompt, Refusal> {
        if phrase.as_ref().is_some_and(|phrase| phrase.is_empty() || phrase.len() > MAX_PHRASE_BYTES) {
            let detail = format!("a phrase has 1 to {MAX_PHRASE_BYTES} bytes");
            return Err(Refusal::Invalid { code: "out-of-bounds", detail });
        }
        let bytes = wav.clone();
        let decoded = tokio::task::spawn_blocking(move || Clip::from_wav_bytes(&bytes)).await;
        let clip = decoded
            .map_err(|lost| Refusal::Internal(lost.to_string()))?
            .map_err(|error| Refusal::Invalid { code: "invalid-recording", detail: error.to_string() })?;
        let clip = Arc::new(clip);
        let _turn = self.turn().await;
        let digest = self.parts.rooms.blobs.put(&self.parts.tenant, wav.into()).await.map_err(store)?;
        let document = PromptDocument { name: name.clone(), phrase: phrase.clone(), digest: digest.to_string() };
        self.keeping.put(DocumentKind::Prompt, &name, &document, Expected::Any).await?;
        self.parts.prompts.put(&name, phrase.as_deref(), Arc::clone(&clip));
        Ok(shown(name, phrase, &clip, false))
    }

    pub(super) async fn remove_prompt(&self, name: &str) -> Result<(), Refusal> {
        let _turn = self.turn().await;
        let kept = self.keeping.get::<PromptDocument>(DocumentKind::Prompt, name).await?;
        let Some(kept) = kept else {
            let built_in = self.parts.prompts.all().iter().any(|recorded| recorded.name == name);
            return Err(if built_in {
                Refusal::NotNow(format!("`{name}` is part of the program; upload your own to replace it"))
            } else {
                not_found("prompt", name)
            });
        };
        self.keeping.delete(DocumentKind::Prompt, name, Expected::Any).await?;
        self.parts.prompts.remove(name);
        // Another recording may be the same file.
        let digest: Digest = kept.value.digest.parse().map_err(malformed)?;
        let others = self.keeping.list::<PromptDocument>(DocumentKind::Prompt).await?;
        if !others.iter().any(|(_, other)| other.value.digest == kept.value.digest) {
            self.parts.rooms.blobs.delete(&self.parts.tenant, &digest).await.map_err(store)?;
        }
        Ok(())
    }
}
