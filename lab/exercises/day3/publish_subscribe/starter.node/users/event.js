// Events as CloudEvents 1.0 in JSON: something that happened, told in the past tense.

export const CONTENT_TYPE = "application/cloudevents+json";

// TODO: make the event that says that somebody has registered. Its id is new, and never changes afterwards.
