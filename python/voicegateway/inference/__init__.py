"""In place of ``livekit.agents.inference``: the same signatures, native plugin objects, every request metered.

Names of LiveKit's module that are not replaced here are LiveKit's own, loaded when they are asked for.
"""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Any

from ..budget import check_budget
from ..errors import BudgetExceeded, ConfigError, ModelResolutionError
from ._attach import attach, attach_session
from ._engine import flush
from ._factories import LLM, STT, TTS, stack
from ._routing import RoutedTriple, route_session
from ._scope import (
    current_tenant,
    get_active_project,
    reset_tenant_id,
    set_project,
    set_tenant,
    start_session,
)

__all__ = [
    "LLM",
    "STT",
    "TTS",
    "BudgetExceeded",
    "ConfigError",
    "ModelResolutionError",
    "RoutedTriple",
    "attach",
    "attach_session",
    "check_budget",
    "current_tenant",
    "flush",
    "get_active_project",
    "reset_tenant_id",
    "route_session",
    "set_project",
    "set_tenant",
    "stack",
    "start_session",
]

if TYPE_CHECKING:
    # What the loader below finds, for type checkers: the names of LiveKit 1.8.9 that are not ours.
    from livekit.agents.inference import (
        VAD as VAD,
        AdaptiveInterruptionDetector as AdaptiveInterruptionDetector,
        AvatarSession as AvatarSession,
        DecisionModel as DecisionModel,
        DecisionModels as DecisionModels,
        DuplexModel as DuplexModel,
        DuplexModels as DuplexModels,
        DuplexSession as DuplexSession,
        InferenceClass as InferenceClass,
        InterruptionDataFrameType as InterruptionDataFrameType,
        InterruptionDetectionError as InterruptionDetectionError,
        LemonSliceOptions as LemonSliceOptions,
        LLMModels as LLMModels,
        LLMStream as LLMStream,
        OpenAIRealtimeModels as OpenAIRealtimeModels,
        OverlappingSpeechEvent as OverlappingSpeechEvent,
        RealtimeModel as RealtimeModel,
        RealtimeModels as RealtimeModels,
        RealtimeSession as RealtimeSession,
        STTModels as STTModels,
        TTSModels as TTSModels,
        TurnDetector as TurnDetector,
        TurnDetectorModels as TurnDetectorModels,
        TurnDetectorVersions as TurnDetectorVersions,
        VADModels as VADModels,
        XAIRealtimeModels as XAIRealtimeModels,
        is_duplex_model as is_duplex_model,
        is_realtime_model as is_realtime_model,
        llm_from_model_string as llm_from_model_string,
        llm as llm,
        stt as stt,
        tts as tts,
    )


def __getattr__(name: str) -> Any:
    if not name.startswith("_"):
        from livekit.agents import inference

        found = getattr(inference, name, None) if name not in inference.__all__ else getattr(inference, name)
        # Its submodules hold the types of options, such as ``stt.DeepgramOptions``.
        if name in inference.__all__ or isinstance(found, ModuleType):
            return found
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    from livekit.agents import inference

    return sorted({*__all__, *inference.__all__})
