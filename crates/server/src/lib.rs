//! The listeners: tracking, and admin with the API.
