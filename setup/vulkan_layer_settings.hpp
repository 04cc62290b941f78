// The engine names these types only to hand settings to a validation layer, which we never load; Vulkan headers before
// 1.3.272 (Debian 12) do not know them, and drivers pass over what they do not know.
#include <vulkan/vulkan_core.h>
#ifndef VK_EXT_layer_settings
#include <cstdint>
#include <vector>

namespace vk {
enum class LayerSettingTypeEXT : int32_t { eBool32 = 0 };

struct LayerSettingEXT {
    const char* layer;
    const char* name;
    LayerSettingTypeEXT type;
    uint32_t count;
    const void* values;
};

struct LayerSettingsCreateInfoEXT {
    explicit LayerSettingsCreateInfoEXT(const std::vector<LayerSettingEXT>& given)
        : count(static_cast<uint32_t>(given.size())), settings(given.data()) {}

    int32_t type = 1000496000;
    const void* next = nullptr;
    uint32_t count;
    const LayerSettingEXT* settings;
};
}  // namespace vk
#endif
